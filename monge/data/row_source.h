// A finite set that lies as one array of any type of numbers, of which only what is drawn is looked at.
#pragma once

#include "monge/data/finite.h"

namespace monge::data {

/// Items are the rows of an array that may be a mapped file far larger than memory (io::map_npy): they are made float32
/// and checked when they are drawn, and making the source reads none of them. Images of uint8 stay as they are stored.
/// Drawing is plain code in the calling thread. Consecutive items are read ahead, as they come when all are gone
/// through, and so are scattered ones where the first of them were slow to come.
class RowSource : public FiniteSource {
 public:
  /// @param rows  [N, ...], N >= 1, contiguous, on the CPU: floats or integers, not complex; shared, must not be
  /// changed
  ///              afterwards. [N, C, H, W] are images. @throws InputError for another tensor.
  RowSource(std::string name, torch::Tensor rows);

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return rows_.sizes().slice(1).vec(); }
  int64_t size() const override { return rows_.size(0); }

  /// The rows may have to come from a disk.
  bool is_quick() const override { return false; }

  /// @throws InputError also for a value that is NaN, infinite or too large for float32, with its row and column in the
  /// array.
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

/// Where the flat position is in an array of this shape: "row 3, column 2 (counted from 0)" of a table, "item 3,
/// position [0, 5, 7] (counted from 0)" of images.
std::string place_in(torch::IntArrayRef shape, int64_t flat);

}  // namespace monge::data
