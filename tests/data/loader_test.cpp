#include "monge/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/finite.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

torch::Tensor pixels(int64_t count) {
  return torch::randint(0, 256, {count, 3, 7, 6}, RandomStreams(5).at("pixels", 0), torch::kUInt8);
}

/// Images that take a while, as decoding does; counts what is being made at once and how far it was made ahead.
class SlowImages : public TensorSource {
 public:
  explicit SlowImages(int64_t count) : TensorSource("slow", pixels(count)) {}
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + indices[0] % 3));
    for (const int64_t i : indices) {
      if (i == broken) throw InputError("slow/5.png: is broken");
    }
    return TensorSource::stored_items(indices);
  }
  bool is_quick() const override { return false; }
  mutable std::atomic<int64_t> calls{0};
  int64_t broken = -1;
};

std::shared_ptr<const Sampler> sampler_of(std::shared_ptr<const Source> source, const SamplerOptions& options = {}) {
  return std::make_shared<Sampler>(std::move(source), 11, "source", options);
}

TEST(Loader, GivesTheSameBytesWithAnyNumberOfWorkers) {
  const SamplerOptions altered{.flip = true, .random_crop = 2};
  for (const auto& source : {std::shared_ptr<const Source>(std::make_shared<SlowImages>(50)), open_toy("toy:moons")}) {
    const auto sampler = sampler_of(source, source->endless() ? SamplerOptions{} : altered);
    for (const int64_t workers : {0, 1, 4, 16}) {
      Loader loader(sampler, {.batch = 8, .workers = workers, .prefetch = 3});
      for (int64_t step = 0; step < 15; ++step) {
        EXPECT_TRUE(torch::equal(loader.batch(step), sampler->batch(step, 8))) << workers << " workers, step " << step;
      }
    }
  }
}

TEST(Loader, BeginsAnywhereAndGoesBack) {
  const auto sampler = sampler_of(std::make_shared<SlowImages>(50));
  Loader loader(sampler, {.batch = 4, .workers = 3, .prefetch = 4});
  for (const int64_t step : {100, 101, 3, 4, 5, 200, 0, 1}) {
    EXPECT_TRUE(torch::equal(loader.batch(step), sampler->batch(step, 4))) << step;
  }
}

TEST(Loader, MakesNoMoreAheadThanItMay) {
  const auto source = std::make_shared<SlowImages>(50);
  Loader loader(sampler_of(source), {.batch = 4, .workers = 2, .prefetch = 5});
  loader.batch(0);
  while (source->calls < 5) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // time to go too far
  EXPECT_LE(source->calls, 6) << "step 0 and the five after it";
}

TEST(Loader, GivesAFailureToWhoAsksForItsStep) {
  const auto source = std::make_shared<SlowImages>(40);
  source->broken = 5;
  const auto sampler = sampler_of(source);
  int64_t bad = 0;
  while (true) {
    const auto indices = sampler->indices(bad, 4);
    if (std::count(indices.begin(), indices.end(), 5) > 0) break;
    ++bad;
  }
  for (const int64_t workers : {0, 3}) {
    Loader loader(sampler, {.batch = 4, .workers = workers});
    for (int64_t step = 0; step < bad; ++step) loader.batch(step);
    EXPECT_THAT(message_of([&] { loader.batch(bad); }), HasSubstr("5.png: is broken"));
    EXPECT_EQ(loader.batch(bad + 1).size(0), 4) << "and goes on";
  }
}

TEST(Loader, EndsWithBatchesThatNobodyTook) {
  constexpr int64_t kMany = 50'000;  // more than four workers make while this thread waits for a core
  for (int i = 0; i < 20; ++i) {
    const auto source = std::make_shared<SlowImages>(50);
    {
      Loader loader(sampler_of(source), {.batch = 4, .workers = 4, .prefetch = kMany});
      if (i % 2) loader.batch(i);
    }
    EXPECT_LT(source->calls, kMany) << "it went on making batches";
  }
}

// What is kept on a GPU is an index of the whole set; the CPU is as good a device for it.
TEST(Loader, GivesTheSameFromASetThatLiesOnTheDevice) {
  const SamplerOptions altered{.flip = true, .random_crop = 3};
  const auto sampler = sampler_of(std::make_shared<TensorSource>("pixels", pixels(30)), altered);
  Loader resident(sampler, {.batch = 8, .resident = true});
  for (const int64_t step : {0, 1, 2, 9, 3}) EXPECT_TRUE(torch::equal(resident.batch(step), sampler->batch(step, 8)));
  EXPECT_THAT(message_of([] { Loader(sampler_of(open_toy("toy:moons")), {.resident = true}); }), HasSubstr("endless"));
}

TEST(Loader, ConvertsToTheTypeAndCountsTheWaiting) {
  Loader loader(sampler_of(std::make_shared<SlowImages>(30)), {.batch = 2, .workers = 0, .type = torch::kFloat64});
  EXPECT_EQ(loader.batch(0).scalar_type(), torch::kFloat64);
  EXPECT_GT(loader.waited(), 0);
}

TEST(Augmented, IsACropOfTheReflectedImage) {
  const auto images = pixels(6);
  Augmentation augmentation;
  augmentation.mirrored_B = torch::tensor({false, true, false, true, true, false});
  augmentation.shift_B2 = torch::tensor({{0, 0}, {0, 0}, {3, -2}, {-1, 4}, {2, 2}, {-3, 5}}, torch::kInt64);
  const auto floats = images.to(torch::kFloat32);
  for (const auto& in : {images, floats, images.contiguous(torch::MemoryFormat::ChannelsLast)}) {
    const auto out = augmented(in, augmentation);
    EXPECT_EQ(out.strides(), in.strides());
    for (int64_t b = 0; b < 6; ++b) {
      const auto mirrored = augmentation.mirrored_B[b].item<bool>() ? floats[b].flip(2) : floats[b];
      const auto padded = torch::reflection_pad2d(mirrored, {5, 5, 3, 3});
      const int64_t dy = augmentation.shift_B2[b][0].item<int64_t>(), dx = augmentation.shift_B2[b][1].item<int64_t>();
      EXPECT_TRUE(torch::equal(out[b].to(torch::kFloat32), padded.slice(1, 3 + dy, 10 + dy).slice(2, 5 + dx, 11 + dx)))
          << b;
    }
  }
}

TEST(Sampler, GivesEachRankItsPartOfTheSameBatch) {
  for (const auto& source :
       {std::shared_ptr<const Source>(std::make_shared<TensorSource>("pixels", pixels(30))), open_toy("toy:moons")}) {
    SamplerOptions options;
    if (!source->endless()) options = {.flip = true, .random_crop = 2};
    const Sampler alone(source, 1, "source", options);
    for (int64_t step = 0; step < 5; ++step) {
      std::vector<torch::Tensor> parts;
      for (int64_t rank = 0; rank < 3; ++rank) {
        options.rank = rank;
        options.group = 3;
        parts.push_back(Sampler(source, 1, "source", options).batch(step, 4));
      }
      EXPECT_TRUE(torch::equal(torch::cat(parts), alone.batch(step, 12))) << source->name() << " step " << step;
    }
  }
}

TEST(Sampler, RefusesToAlterVectors) {
  EXPECT_THAT(message_of([] { Sampler(open_toy("toy:moons"), 1, "source", {.random_crop = 1}); }),
              HasSubstr("random_crop is for images"));
  EXPECT_THAT(message_of([] { Sampler(std::make_shared<TensorSource>("p", pixels(3)), 1, "s", {.random_crop = 6}); }),
              HasSubstr("must be less than the side"));
}

}  // namespace
}  // namespace monge::data
