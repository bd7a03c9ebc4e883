// The common part of all finite sets of items: the check of indices and uniform draws.
#pragma once

#include "monge/data/source.h"

namespace monge::data {

/// A source of size() > 0 items. A subclass provides the items.
class FiniteSource : public Source {
 public:
  /// Uniform with replacement.
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;
  torch::Tensor exact_draw(int64_t n, torch::Generator generator) const override;

 protected:
  /// @throws InputError naming the source and the first index outside [0, size()).
  void check(const std::vector<int64_t>& indices) const;

 private:
  std::vector<int64_t> chosen(int64_t n, torch::Generator& generator) const;
};

}  // namespace monge::data
