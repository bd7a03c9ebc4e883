// Batches for training. Each is a pure function of (seed, purpose, step, n, rank, group), so a resumed run needs no
// saved state.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monge/core/random.h"
#include "monge/data/augment.h"
#include "monge/data/source.h"

namespace monge::data {

struct SamplerOptions {
  bool flip = false;        ///< mirror each image left to right with probability 1/2
  int64_t random_crop = 0;  ///< shift each image by up to so many pixels in each direction, see augmented()
  int64_t rank = 0;         ///< which of the `group` equal slices of every batch is given
  int64_t group = 1;        ///< number of ranks
};

/// Gives batches of a source. Thread-safe.
///
/// The global batch of `step` has n items for each of `group` ranks, and each rank gets its own n. Together the ranks
/// see what a single rank with batches of n * group would see.
///
/// Finite sources are read as an endless sequence of permutations, one per epoch. The global batch of `step` is the
/// positions [step n group, (step + 1) n group) of that sequence. So each item comes once per epoch, batches may cross
/// the end of an epoch, and a source smaller than a batch wraps around. Endless laws give fresh draws from the stream
/// (purpose, step).
class Sampler {
 public:
  /// @param purpose  names the stream ("source", "target"). Samplers of different purposes are independent.
  /// @throws InputError when the options alter images and the items are none, or are too small for random_crop.
  Sampler(std::shared_ptr<const Source> source, uint64_t seed, std::string purpose, const SamplerOptions& options = {});

  /// @param step  >= 0.
  /// @param n  >= 1.
  /// @return float32 [n, ...item_shape]. @throws what the source throws.
  torch::Tensor batch(int64_t step, int64_t n) const;

  /// The same in the stored type, see Source::stored_items.
  torch::Tensor stored_batch(int64_t step, int64_t n) const;

  /// The items of batch `step`; finite sources only.
  std::vector<int64_t> indices(int64_t step, int64_t n) const;

  /// The augmentation of batch `step`.
  Augmentation augmentation(int64_t step, int64_t n) const;

  const Source& source() const { return *source_; }

 private:
  torch::Tensor permutation(int64_t epoch) const;
  torch::Tensor own(const torch::Tensor& whole_batch, int64_t n) const;

  std::shared_ptr<const Source> source_;
  RandomStreams streams_;
  std::string purpose_;
  SamplerOptions options_;

  struct Epoch {
    int64_t number = -1;
    torch::Tensor order;  ///< int64 [N]
  };
  // A batch uses one epoch or two consecutive ones, unless the source is tiny; then epochs are cheap to make again.
  mutable std::mutex guard_;
  mutable Epoch newest_, older_;
};

}  // namespace monge::data
