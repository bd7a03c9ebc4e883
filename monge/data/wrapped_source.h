// The common part of sources that change the items of another source.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/data/source.h"

namespace monge::data {

/// A source that gives the items of another one, changed. Everything but the items is forwarded to the other source,
/// which it keeps. A subclass defines how items and draws change, and overrides whatever else changes.
class WrappedSource : public Source {
 public:
  std::string name() const override { return whole_->name(); }
  std::vector<int64_t> item_shape() const override { return whole_->item_shape(); }
  int64_t size() const override { return whole_->size(); }
  torch::ScalarType number_type() const override { return whole_->number_type(); }
  io::TableNames table_names() const override { return whole_->table_names(); }
  std::string item_name(int64_t index) const override { return whole_->item_name(index); }
  bool is_quick() const override { return whole_->is_quick(); }
  bool gives_files() const override { return whole_->gives_files(); }
  int sample_bits(int64_t index) const override { return whole_->sample_bits(index); }
  OpenReport open_report() const override { return whole_->open_report(); }

 protected:
  /// @param whole  not null.
  explicit WrappedSource(std::shared_ptr<const Source> whole) : whole_(std::move(whole)) {}
  const Source& whole() const { return *whole_; }

 private:
  std::shared_ptr<const Source> whole_;
};

}  // namespace monge::data
