// A finite set of items in one array of any numeric type, of which only the drawn rows are read.
#pragma once

#include "monge/data/finite.h"

namespace monge::data {

/// Items are the rows of an array that may be a mapped file far larger than memory (io::map_npy). Rows are converted to
/// float32 and checked when they are drawn; construction reads none of them. Images of uint8 keep their type. Drawing
/// is plain code in the calling thread. Consecutive items are prefetched from the disk, and so are scattered items if
/// reading the first of them was slow.
class RowSource : public FiniteSource {
 public:
  /// @param rows  [N, ...], N >= 1, contiguous, on the CPU: floats or integers, not complex. It is shared and must not
  ///              be changed afterwards. [N, C, H, W] are images.
  /// @throws InputError for another tensor.
  RowSource(std::string name, torch::Tensor rows);

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return rows_.sizes().slice(1).vec(); }
  int64_t size() const override { return rows_.size(0); }

  /// The rows may have to come from a disk.
  bool is_quick() const override { return false; }

  /// @throws InputError when the mapped file was cut since it was opened; also for a value that is NaN, infinite or too
  /// large for float32, with its row and column in the
  ///     array.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;

  /// @throws InputError as stored_items.
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  torch::ScalarType number_type() const override;

 private:
  template <class To>
  torch::Tensor copy_items(const std::vector<int64_t>& indices) const;
  void read_ahead_of_run(const std::vector<int64_t>& indices) const;

  std::string name_;
  torch::Tensor rows_;
};

/// The place of a flat position in an array of this shape: "row 3, column 2 (counted from 0)" for a table, "item 3,
/// position [0, 5, 7] (counted from 0)" for images.
std::string place_in(torch::IntArrayRef shape, int64_t flat);

}  // namespace monge::data
