#include "monge/data/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "monge/data/split.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

std::shared_ptr<const Source> counting_source(int64_t count) {
  return std::make_shared<TensorSource>("numbers", torch::arange(count, torch::kFloat32).view({count, 1}));
}

TEST(Sampler, GivesABatchAloneAsAfterAllTheOthers) {
  for (const auto& source : {counting_source(17), open_toy("toy:moons")}) {
    const Sampler fresh(source, 3, "source"), used(source, 3, "source");
    for (int64_t step = 0; step < 5; ++step) used.batch(step, 6);
    EXPECT_TRUE(torch::equal(fresh.batch(5, 6), used.batch(5, 6))) << source->name();
    EXPECT_TRUE(torch::equal(fresh.batch(2, 6), used.batch(2, 6))) << source->name();
  }
}

TEST(Sampler, DependsOnSeedPurposeAndStep) {
  for (const auto& source : {counting_source(50), open_toy("toy:gaussian")}) {
    const auto batch = Sampler(source, 3, "source").batch(0, 20);
    EXPECT_FALSE(torch::equal(batch, Sampler(source, 4, "source").batch(0, 20)));
    EXPECT_FALSE(torch::equal(batch, Sampler(source, 3, "target").batch(0, 20)));
    EXPECT_FALSE(torch::equal(batch, Sampler(source, 3, "source").batch(1, 20)));
  }
}

TEST(Sampler, VisitsEachItemOnceAnEpoch) {
  const int64_t size = 12, n = 5;
  const Sampler sampler(counting_source(size), 1, "source");
  std::vector<int64_t> row;
  for (int64_t step = 0; step < 12; ++step) {
    for (const int64_t index : sampler.indices(step, n)) row.push_back(index);
  }
  std::set<std::vector<int64_t>> orders;
  for (auto epoch = row.begin(); epoch != row.end(); epoch += size) {
    orders.emplace(epoch, epoch + size);
    EXPECT_EQ(std::set<int64_t>(epoch, epoch + size).size(), static_cast<size_t>(size));
  }
  EXPECT_EQ(orders.size(), 5u) << "the epochs are shuffled anew";
}

TEST(Sampler, WrapsWhereTheSourceIsSmallerThanABatch) {
  const auto indices = Sampler(counting_source(3), 1, "source").indices(4, 10);
  ASSERT_EQ(indices.size(), 10u);
  for (int64_t item = 0; item < 3; ++item) EXPECT_GE(std::count(indices.begin(), indices.end(), item), 3);
  EXPECT_EQ(Sampler(counting_source(1), 1, "source").batch(1000, 4).sizes(), (std::vector<int64_t>{4, 1}));
}

TEST(Sampler, MirrorsAboutHalfOfTheImages) {
  const auto images = std::make_shared<TensorSource>("images", torch::tensor({1.f, 2.f}).view({1, 1, 1, 2}));
  const Sampler sampler(images, 1, "source", SamplerOptions{.flip = true});
  const auto batch = sampler.batch(3, 1000);
  const double mirrored = (batch.select(3, 0) == 2).sum().item<double>();
  EXPECT_NEAR(mirrored, 500, 64);  // four standard deviations
  EXPECT_TRUE(torch::equal(batch.sum(3), torch::full({1000, 1, 1}, 3.f)));
  EXPECT_TRUE(torch::equal(batch, sampler.batch(3, 1000)));
}

TEST(Sampler, RefusesToFlipVectorsAndToOverflow) {
  EXPECT_THAT(message_of([] { Sampler(counting_source(3), 1, "source", SamplerOptions{.flip = true}); }),
              AllOf(HasSubstr("numbers"), HasSubstr("data.flip = false")));
  const Sampler sampler(counting_source(3), 1, "source");
  EXPECT_THAT(message_of([&] { sampler.batch(-1, 4); }), HasSubstr("step -1"));
  EXPECT_THAT(message_of([&] { sampler.batch(int64_t{1} << 62, 8); }), HasSubstr("overflows"));
}

TEST(TensorSource, GivesBytesAsFloatsAndChecksIndices) {
  const TensorSource source("bytes", torch::tensor({0, 255}, torch::kUInt8).view({2, 1}), {"a.png", "b.png"});
  EXPECT_TRUE(torch::equal(source.items({1, 0, 1}).flatten(), torch::tensor({1.f, -1.f, 1.f})));
  EXPECT_EQ(source.item_name(1), "b.png");
  EXPECT_EQ(counting_source(3)->item_name(2), "000002");
  EXPECT_THAT(message_of([&] { source.items({0, 2}); }), AllOf(HasSubstr("bytes: item 2"), HasSubstr("0 to 1")));
  EXPECT_EQ(source.items({}).sizes(), (std::vector<int64_t>{0, 1}));
}

TEST(Split, HoldsOutTheLastItems) {
  const auto [kept, held_out] = hold_out(counting_source(10), 3);
  EXPECT_EQ(kept->size(), 7);
  EXPECT_TRUE(torch::equal(held_out->items({0, 2}).flatten(), torch::tensor({7.f, 9.f})));
  EXPECT_EQ(held_out->item_name(0), "000007");
  EXPECT_EQ(held_out->name(), "numbers[held out]");
  EXPECT_THAT(message_of([&, whole = held_out] { whole->items({3}); }), HasSubstr("item 3 does not exist"));
  EXPECT_EQ(hold_out(counting_source(10), 0).held_out, nullptr);
}

TEST(Split, HoldsOutAtRandomAndLosesNothing) {
  const auto [kept, held_out] = hold_out(counting_source(1000), 300, RandomStreams(5).at("split", 0));
  std::vector<int64_t> all_kept(700), all_held(300);
  std::iota(all_kept.begin(), all_kept.end(), 0);
  std::iota(all_held.begin(), all_held.end(), 0);
  const auto held = held_out->items(all_held).flatten();
  EXPECT_NEAR(held.mean().item<double>(), 499.5, 60);  // the last 300 would give 849.5; standard error 14
  const auto together = std::get<0>(torch::cat({kept->items(all_kept).flatten(), held}).sort());
  EXPECT_TRUE(torch::equal(together, torch::arange(1000, torch::kFloat32)));
}

TEST(Split, RefusesToLeaveNothing) {
  EXPECT_THAT(message_of([] { hold_out(counting_source(3), 3); }), AllOf(HasSubstr("3 of 3"), HasSubstr("fewer")));
  EXPECT_THAT(message_of([] { Subset(counting_source(3), {}, "[none]"); }), HasSubstr("empty"));
  EXPECT_THAT(message_of([] { Subset(open_toy("toy:moons"), {0, 1}, "[two]"); }), HasSubstr("endless"));
}

}  // namespace
}  // namespace monge::data
