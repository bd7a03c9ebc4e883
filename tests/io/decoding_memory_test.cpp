#include "monge/io/decoding_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

constexpr int64_t kMega = int64_t{1} << 20;

/// Sets the bound for the life of the object.
class ScopedBound {
 public:
  explicit ScopedBound(int64_t bytes) { set_decoding_memory(bytes); }
  ~ScopedBound() { set_decoding_memory(0); }
};

TEST(DecodingMemory, IsGivenBackAtTheEndOfTheOutermostScope) {
  const ScopedBound bound(64 * kMega);
  {
    const DecodingMemory outer;
    DecodingMemory::of_thread()->hold_file(3 * kMega, "a.png");
    {
      const DecodingMemory inner;
      DecodingMemory::of_thread()->hold_decoded(5 * kMega, "a.png");
    }
    EXPECT_EQ(held_decoding_memory(), 8 * kMega);
    DecodingMemory::of_thread()->hold_decoded(7 * kMega, "a.png");
    EXPECT_EQ(held_decoding_memory(), 10 * kMega) << "instead of the last";
    DecodingMemory::of_thread()->hold_file(kMega, "b.png");
    EXPECT_EQ(held_decoding_memory(), kMega) << "another file: nothing is decoded of it yet";
  }
  EXPECT_EQ(held_decoding_memory(), 0);
  EXPECT_EQ(DecodingMemory::of_thread(), nullptr);
  hold_file_memory(kMega, "c.png");
  EXPECT_EQ(held_decoding_memory(), 0) << "without a scope nothing is held";
}

TEST(DecodingMemory, RefusesMoreThanTheWhole) {
  const ScopedBound bound(64 * kMega);
  const DecodingMemory memory;
  EXPECT_THAT(message_of([] { hold_file_memory(17 * kMega, "a.png"); }),
              AllOf(HasSubstr("the file would take 17 MiB of memory"), HasSubstr("a.png"), HasSubstr("up to 16 MiB"),
                    HasSubstr("MONGE_DECODE_MB")));
  EXPECT_THAT(message_of([] { DecodingMemory::of_thread()->hold_decoded(int64_t{1} << 62, "a.png"); }),
              AllOf(HasSubstr("decoding it would take"), HasSubstr("up to 48 MiB")));
  EXPECT_EQ(held_decoding_memory(), 0);
}

TEST(DecodingMemory, ThreadsWaitForEachOtherAndAllComeToTheirEnd) {
  const ScopedBound bound(64 * kMega);  // 16 MiB of files, 48 MiB of images
  std::atomic<int64_t> files{0}, images{0}, most_files{0}, most_images{0}, done{0};
  const auto raise = [](std::atomic<int64_t>& most, int64_t value) {
    for (int64_t seen = most; seen < value && !most.compare_exchange_weak(seen, value);) {
    }
  };
  {
    std::vector<std::jthread> pool;
    for (int64_t t = 0; t < 64; ++t) {
      pool.emplace_back([&, t] {
        for (int64_t k = 0; k < 20; ++k) {
          const int64_t file = (1 + (t + k) % 15) * kMega, image = (1 + (7 * t + k) % 48) * kMega;
          const DecodingMemory memory;
          DecodingMemory::of_thread()->hold_file(file, "a");
          raise(most_files, files += file);
          std::this_thread::yield();
          DecodingMemory::of_thread()->hold_decoded(image, "a");
          raise(most_images, images += image);
          std::this_thread::yield();
          images -= image;
          files -= file;
          ++done;
        }
      });
    }
  }
  EXPECT_EQ(done, 64 * 20);
  EXPECT_LE(most_files, 16 * kMega);
  EXPECT_LE(most_images, 48 * kMega);
  EXPECT_GT(most_images, 24 * kMega) << "several threads hold at once";
  EXPECT_EQ(held_decoding_memory(), 0);
}

TEST(DecodingMemory, ServesALargeRequestBeforeLaterSmallOnes) {
  const ScopedBound bound(64 * kMega);
  std::atomic<bool> large{false};
  std::jthread first, second;
  {
    const DecodingMemory memory;
    DecodingMemory::of_thread()->hold_decoded(8 * kMega, "small");
    first = std::jthread([&] {
      const DecodingMemory own;
      DecodingMemory::of_thread()->hold_decoded(48 * kMega, "large");
      large = true;
    });
    while (waiting_for_decoding_memory() < 1) std::this_thread::yield();
    second = std::jthread([&] {
      const DecodingMemory own;
      DecodingMemory::of_thread()->hold_decoded(kMega, "small");
      EXPECT_TRUE(large);
    });
    while (waiting_for_decoding_memory() < 2) std::this_thread::yield();
    EXPECT_FALSE(large);
  }
}

TEST(DecodingMemory, OfAnImageIsHeldWhileTheCallerHasAScope) {
  const ScopedBound bound(64 * kMega);
  const auto png = encode_png(torch::zeros({100, 200, 3}, torch::kUInt8));
  decode_image(png, "a.png");
  EXPECT_EQ(held_decoding_memory(), 0);
  {
    const DecodingMemory memory;
    decode_image(png, "a.png");
    EXPECT_GE(held_decoding_memory(), 100 * 200 * 3);
    EXPECT_LT(held_decoding_memory(), 4 * kMega);
  }
  const auto large = encode_png(torch::zeros({2000, 2000, 3}, torch::kUInt8));
  EXPECT_THAT(message_of([&] { decode_image(large, "large.png"); }),
              AllOf(HasSubstr("large.png"), HasSubstr("decoding it would take")));
  EXPECT_EQ(held_decoding_memory(), 0);
}

}  // namespace
}  // namespace monge::io
