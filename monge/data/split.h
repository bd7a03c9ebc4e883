// Splits a finite source into a part that is kept and a part that is held out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monge/data/finite.h"

namespace monge::data {

/// Some items of another source, numbered from 0 in the given order. Keeps the other source.
class Subset : public FiniteSource {
 public:
  /// @param label  describes the part, for its name ("[0:90]", "[held out]").
  /// @throws InputError when the source is endless, there is no index, or one is out of range.
  Subset(std::shared_ptr<const Source> whole, std::vector<int64_t> indices, std::string label);

  std::string name() const override;
  std::vector<int64_t> item_shape() const override { return whole_->item_shape(); }
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  torch::ScalarType number_type() const override { return whole_->number_type(); }
  io::TableNames table_names() const override;
  std::string item_name(int64_t index) const override;
  bool gives_files() const override { return whole_->gives_files(); }
  int sample_bits(int64_t index) const override { return whole_->sample_bits(indices_[static_cast<size_t>(index)]); }
  bool is_quick() const override { return whole_->is_quick(); }
  OpenReport open_report() const override { return whole_->open_report(); }

 private:
  std::vector<int64_t> in_whole(const std::vector<int64_t>& indices) const;

  std::shared_ptr<const Source> whole_;
  std::vector<int64_t> indices_;
  std::string label_;
};

struct Split {
  std::shared_ptr<const Source> kept, held_out;
};

/// Holds out the last `count` items. With count = 0 everything is kept and held_out is null. An endless source needs no
/// holding out: both parts are the source itself.
/// @throws InputError when nothing would be kept.
Split hold_out(std::shared_ptr<const Source> source, int64_t count);

/// The same with `count` items chosen at random. Rows and file names are often sorted, and then the last ones have
/// another law than the rest.
Split hold_out(std::shared_ptr<const Source> source, int64_t count, torch::Generator generator);

}  // namespace monge::data
