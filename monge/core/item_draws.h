// Random numbers for the items of a batch, independent of how the batch is divided between ranks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge {

/// Random draws for the items [begin, begin + length) of a batch of `whole` items.
///
/// The whole batch is divided into blocks of `block` items. Each block has its own stream, and a part draws only the
/// blocks that it overlaps. Together the ranks draw exactly the numbers that a single rank would; each generates only
/// its own blocks. Every rank must make the same calls in the same order.
class ItemDraws {
 public:
  static constexpr int64_t block = 256;

  /// Draws a whole batch of any size from one stream. Implicit, so that a generator can be passed where draws are
  /// expected.
  ItemDraws(torch::Generator generator) : generators_{std::move(generator)} {}  // NOLINT(google-explicit-constructor)

  /// @param generators  one for each block of `whole`. Generators of blocks outside the part may be undefined.
  ItemDraws(std::vector<torch::Generator> generators, int64_t begin, int64_t length, int64_t whole)
      : generators_(std::move(generators)), begin_(begin), length_(length), whole_(whole) {}

  static int64_t blocks_of(int64_t items) { return (items + block - 1) / block; }

  /// Draws from N(0, 1), float32 on the device of the streams. @param sizes  [length, ...].
  torch::Tensor normal(at::IntArrayRef sizes) const;

  /// Draw from N(0, 1), or uniformly from [0, 1), for every item of the whole batch: [whole].
  torch::Tensor normal_of_whole(int64_t length) const;
  torch::Tensor uniform_of_whole(int64_t length) const;

  /// This part's items of a tensor of the whole batch.
  torch::Tensor own(const torch::Tensor& whole) const { return whole_ < 0 ? whole : whole.narrow(0, begin_, length_); }

  torch::Device device() const;

 private:
  template <class Fill>
  torch::Tensor filled(int64_t begin, int64_t length, at::IntArrayRef sizes, Fill&& fill) const;

  std::vector<torch::Generator> generators_;
  int64_t begin_ = 0, length_ = -1, whole_ = -1;  // -1: any size, one stream
};

}  // namespace monge
