// Random numbers for the items of a batch that do not depend on how the batch is divided.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge {

/// Draws for the items [begin, begin + length) of a batch of `whole`.
///
/// The whole batch is drawn in blocks of `block` items, each from a stream of its own, and only the blocks that the
/// part touches are drawn: so ranks that divide a batch draw together what one rank would that has it all, and none
/// draws all of it. Every rank makes the same calls in the same order.
class ItemDraws {
 public:
  static constexpr int64_t block = 256;

  /// A whole batch of any size from one stream.
  ItemDraws(torch::Generator generator) : generators_{std::move(generator)} {}  // NOLINT: it is used as a generator is

  /// @param generators  one for each block of `whole`; those of blocks that are never drawn may be undefined.
  ItemDraws(std::vector<torch::Generator> generators, int64_t begin, int64_t length, int64_t whole)
      : generators_(std::move(generators)), begin_(begin), length_(length), whole_(whole) {}

  static int64_t blocks_of(int64_t items) { return (items + block - 1) / block; }

  /// N(0, 1), float32 on the device of the streams. @param sizes  [length, ...].
  torch::Tensor normal(at::IntArrayRef sizes) const;

  /// N(0, 1) and uniform on [0, 1) for every item of the whole batch, [whole].
  torch::Tensor normal_of_whole(int64_t length) const;
  torch::Tensor uniform_of_whole(int64_t length) const;

  /// This part of what was made for the whole batch.
  torch::Tensor own(const torch::Tensor& whole) const { return whole_ < 0 ? whole : whole.narrow(0, begin_, length_); }

  torch::Device device() const;

 private:
  template <class Fill>
  torch::Tensor filled(int64_t begin, int64_t length, at::IntArrayRef sizes, Fill&& fill) const;

  std::vector<torch::Generator> generators_;
  int64_t begin_ = 0, length_ = -1, whole_ = -1;  // -1: as many as are asked for
};

}  // namespace monge
