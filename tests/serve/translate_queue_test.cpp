// Outputs do not depend on what is computed beside them.
#include "monge/serve/translate_queue.h"

#include <gmock/gmock.h>

#include <future>

#include "tests/serve/models.h"
#include "tests/support/support.h"

namespace monge::serve {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;
using testing::small_image_model;
using testing::small_vector_model;

std::shared_ptr<const ServedModel> served(const session::Model& model) {
  auto out = std::make_shared<ServedModel>();
  out->name = "small";
  out->map = model.get();
  return out;
}

torch::Tensor images(int64_t count, int64_t seed, int64_t side = 16) {
  return torch::rand({count, 3, side, side}, RandomStreams(static_cast<uint64_t>(seed)).at("images", 0)) * 2 - 1;
}

Translation translation(const std::shared_ptr<const ServedModel>& model, const torch::Tensor& x,
                        const session::TranslateOptions& options) {
  Translation out;
  out.model = model;
  out.x = x;
  out.options = options;
  return out;
}

/// Translations of several inputs and seeds with equal options.
std::vector<Translation> translations(const std::shared_ptr<const ServedModel>& model,
                                      const std::vector<torch::Tensor>& inputs,
                                      const session::TranslateOptions& options) {
  std::vector<Translation> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    auto one = translation(model, inputs[i], options);
    one.options.seed = static_cast<int64_t>(7 * i);
    out.push_back(one);
  }
  return out;
}

/// The largest difference from each translated by itself, by session::translate.
double difference(const std::vector<Translation>& batch) {
  const auto together = translate_together(batch);
  double out = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    const auto alone = session::translate(batch[i].model->map, batch[i].x, batch[i].options);
    EXPECT_EQ(together[i].sizes(), alone.sizes());
    EXPECT_EQ(together[i].scalar_type(), alone.scalar_type());
    out = std::max(out, (together[i] - alone).abs().max().item<double>());
  }
  return out;
}

// Float32 sums of a few hundred products, whose order the number of items may change: some 50 units in the last place
// of outputs about 1. A level of 8 bits is 8e-3.
constexpr double kRounding = 1e-5;

TEST(TranslateQueue, ImagesWithNoiseHaveTheirOwnOutputsInABatch) {
  const auto model = served(small_image_model("weak"));
  ASSERT_TRUE(model->map.stochastic());
  const std::vector<torch::Tensor> inputs{images(1, 1), images(3, 2), images(2, 3)};
  EXPECT_LE(difference(translations(model, inputs, {.samples = 3})), kRounding);
  EXPECT_LE(difference(translations(model, inputs, {.samples = 2, .t = 0.3})), kRounding);
  EXPECT_LE(difference(translations(model, inputs, {.deterministic = true})), kRounding);
  EXPECT_LE(difference(translations(model, inputs, {.samples = 2, .noise_scale = 0.5})), kRounding);
  EXPECT_LE(difference(translations(model, inputs, {.samples = 2, .noise = "fixed"})), kRounding);
  EXPECT_FALSE(
      belong_together(translation(model, images(1, 1), {}), translation(model, images(1, 2), {.noise_scale = 2})));
  const std::vector<torch::Tensor> larger{images(1, 1, 24), images(2, 2, 24)};
  ASSERT_TRUE(can_be_batched(translation(model, larger[0], {})));
  EXPECT_LE(difference(translations(model, larger, {.samples = 2})), kRounding);
}

TEST(TranslateQueue, VectorsHaveTheirOwnOutputsInABatch) {
  for (const char* standardise : {"off", "joint"}) {
    const auto model = served(small_vector_model("weak", standardise));
    const auto rows = [](int64_t count) { return torch::randn({count, 2}, RandomStreams(5).at("rows", count)); };
    const std::vector<torch::Tensor> inputs{rows(5), rows(1), rows(70)};
    EXPECT_LE(difference(translations(model, inputs, {.samples = 4})), kRounding) << standardise;
    EXPECT_LE(difference(translations(model, {rows(5), rows(2).to(torch::kFloat64)}, {})), kRounding) << standardise;
  }
}

TEST(TranslateQueue, OnlyWhatFitsABatchOfTheNetIsComputedTogether) {
  const auto model = served(small_image_model());
  const auto other = served(small_image_model());
  const auto plain = translation(model, images(1, 1), {});
  EXPECT_TRUE(can_be_batched(plain));
  EXPECT_TRUE(belong_together(plain, translation(model, images(2, 2), {.seed = 3})));
  EXPECT_FALSE(belong_together(plain, translation(other, images(2, 2), {})));
  EXPECT_FALSE(belong_together(plain, translation(model, images(2, 2, 24), {})));
  EXPECT_FALSE(belong_together(plain, translation(model, images(2, 2), {.t = 0.5})));
  EXPECT_FALSE(can_be_batched(translation(model, images(1, 1, 23), {})));   // no size of the net
  EXPECT_FALSE(can_be_batched(translation(model, images(1, 1, 200), {})));  // translated in tiles
  EXPECT_FALSE(can_be_batched(translation(model, images(1, 1), {.size = "residual"})));
  EXPECT_FALSE(can_be_batched(translation(model, images(1, 1), {.samples = 2})));  // an error
}

TEST(TranslateQueue, ALoneRequestEqualsTheSessionAndFailuresReachTheirOwner) {
  const auto model = served(small_image_model("weak"));
  TranslateQueue queue({});
  const auto result = [&](const torch::Tensor& x, const session::TranslateOptions& options) {
    std::promise<torch::Tensor> promise;
    auto one = translation(model, x, options);
    one.done = [&promise](const torch::Tensor& y, const std::exception_ptr& failure) {
      failure ? promise.set_exception(failure) : promise.set_value(y);
    };
    EXPECT_TRUE(queue.submit(std::move(one)));
    return promise.get_future().get();
  };
  const auto x = images(2, 4);
  EXPECT_TRUE(
      torch::equal(result(x, {.samples = 3, .seed = 9}), session::translate(model->map, x, {.samples = 3, .seed = 9})));
  EXPECT_THAT(message_of([&] { result(torch::zeros({1, 1, 16, 16}), {}); }), HasSubstr("shape"));
  EXPECT_TRUE(torch::equal(result(x, {.seed = 1}), session::translate(model->map, x, {.seed = 1})));
}

TEST(TranslateQueue, WhatWaitsIsComputedTogetherAndAFullQueueRefuses) {
  const auto model = served(small_image_model());
  std::promise<void> go;
  const auto released = go.get_future().share();
  std::mutex guard;
  std::vector<int64_t> batches;
  std::atomic<int64_t> done{0}, stopped{0};
  {
    TranslateQueue queue({.batch = 4, .most_waiting = 6, .observe = [&](int64_t requests, int64_t, double) {
                            const std::lock_guard lock(guard);
                            batches.push_back(requests);
                          }});
    const auto submit = [&](bool blocks) {
      auto one = translation(model, images(1, 1), {});
      one.done = [&, blocks](const torch::Tensor& y, const std::exception_ptr&) {
        if (blocks) released.wait();
        ++(y.defined() ? done : stopped);
      };
      return queue.submit(std::move(one));
    };
    EXPECT_TRUE(submit(true));
    while (queue.waiting() > 0) std::this_thread::yield();
    for (int i = 0; i < 6; ++i) EXPECT_TRUE(submit(false));
    EXPECT_EQ(queue.waiting(), 6);
    EXPECT_FALSE(submit(false));
    go.set_value();
    while (done < 7) std::this_thread::yield();
    EXPECT_TRUE(submit(false));
    while (done < 8) std::this_thread::yield();
  }
  EXPECT_THAT(batches, ::testing::ElementsAre(1, 4, 2, 1));
  EXPECT_EQ(stopped, 0);
}

TEST(TranslateQueue, WhatTakesTooLongOrIsNotWantedAnyMoreIsStopped) {
  const auto model = served(small_image_model());
  std::promise<std::exception_ptr> promise;
  {
    TranslateQueue queue({.most_seconds = 0});
    auto unwanted = translation(model, images(1, 1), {});
    unwanted.gone = [] { return true; };
    unwanted.done = [](const torch::Tensor&, const std::exception_ptr&) { FAIL() << "nobody waits for it"; };
    EXPECT_TRUE(queue.submit(std::move(unwanted)));
    auto slow = translation(model, images(1, 1, 600), {.tile = 64});
    slow.done = [&](const torch::Tensor&, const std::exception_ptr& failure) { promise.set_value(failure); };
    EXPECT_TRUE(queue.submit(std::move(slow)));
    const auto failure = promise.get_future().get();
    ASSERT_TRUE(failure);
    EXPECT_THAT(message_of([&] { std::rethrow_exception(failure); }), HasSubstr("takes longer than"));
  }
}

}  // namespace
}  // namespace monge::serve
