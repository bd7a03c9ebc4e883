// Batches for training: each a pure function of (seed, purpose, step, n), so that a resumed run needs no saved state.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monge/core/random.h"
#include "monge/data/source.h"

namespace monge::data {

/// Gives batches of a source. Thread-safe.
///
/// Finite sources: an endless row of permutations, one an epoch, of which batch `step` is the positions [step n, step n
/// + n); so each item comes once an epoch, batches cross the end of an epoch, and a source smaller than a batch wraps.
/// Endless laws: fresh draws from the stream (purpose, step).
class Sampler {
 public:
  /// @param purpose  names the stream ("source", "target"): samplers of different purposes are independent.
  /// @param flip     mirror each image left to right with probability 1/2; only for items [C,H,W].
  /// @throws Error when flip is set and the items are not images.
  Sampler(std::shared_ptr<const Source> source, uint64_t seed, std::string purpose, bool flip = false);

  /// @param step >= 0  @param n >= 1  @return float32 [n, ...item_shape]. @throws what the source throws.
  torch::Tensor batch(int64_t step, int64_t n) const;

  /// The items of batch `step`; finite sources only.
  std::vector<int64_t> indices(int64_t step, int64_t n) const;

  const Source& source() const { return *source_; }

 private:
  torch::Tensor permutation(int64_t epoch) const;

  std::shared_ptr<const Source> source_;
  RandomStreams streams_;
  std::string purpose_;
  bool flip_;

  struct Epoch {
    int64_t number = -1;
    torch::Tensor order;  ///< int64 [N]
  };
  // A batch touches one epoch or two neighbours, unless the source is tiny; then they are cheap to make.
  mutable std::mutex guard_;
  mutable Epoch newest_, older_;
};

}  // namespace monge::data
