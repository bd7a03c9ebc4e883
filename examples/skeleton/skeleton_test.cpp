// Tests of the skeleton, to be copied with it. Each component is compared with a closed form; then all train together.
#include "examples/skeleton/skeleton.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/data/open.h"
#include "monge/monge.h"
#include "tests/support/support.h"

namespace skeleton {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class Skeleton : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { register_skeleton(); }
};

TEST_F(Skeleton, TheMethodHasItsCostAndItsOption) {
  auto recipe = monge::train::parse_recipe(
      "method = \"huber\"\n[source]\npath = \"ring:8\"\n[target]\npath = \"ring:8\"\n[huber]\ndelta = 0.5\n", "a.toml");
  recipe.cost.scale = "2";
  const auto method = monge::solve::make_method(recipe, /*dim=*/1);
  const auto x = torch::zeros({2, 1}), y = torch::tensor({{0.25f}, {-3.0f}});
  // Near: tau d^2. Far: tau (2 delta d - delta^2).
  const auto expected = torch::tensor({2 * 0.0625f, 2 * (2 * 0.5f * 3.0f - 0.25f)});
  EXPECT_TRUE(torch::allclose(method->pair_cost(x, y), expected));
  EXPECT_TRUE(torch::allclose(method->cost(x, y.unsqueeze(1), {}), expected));
}

TEST_F(Skeleton, TheNetStartsAsTheIdentityAndRefusesOtherShapes) {
  const monge::Recipe recipe;
  const auto net = monge::solve::map_nets().at("affine").make(
      {.item_shape = {3}, .noise_channels = 1, .conditioning = {}, .options = recipe});
  const auto x = torch::randn({5, 4}, monge::RandomStreams(0).at("x", 0));
  EXPECT_TRUE(torch::equal(net->forward(x), x.narrow(1, 0, 3)));
  EXPECT_THAT(message_of([&] { net->forward(torch::zeros({5, 3})); }), HasSubstr("expected [B, 4]"));
}

TEST_F(Skeleton, TheSourceIsOpenedByItsPrefix) {
  const auto ring = monge::open_source({.path = "ring:4?radius=2"});
  EXPECT_EQ(ring->size(), 4);
  EXPECT_TRUE(torch::allclose(ring->items({0, 1}), torch::tensor({{2.0f, 0.0f}, {0.0f, 2.0f}}), 1e-5, 1e-6));
  EXPECT_THAT(message_of([] { monge::open_source({.path = "ring:one"}); }),
              AllOf(HasSubstr("a ring needs a number of points"), HasSubstr("2 or more")));
  EXPECT_THAT(message_of([] { monge::open_source({.path = "ring:4?radios=2"}); }), HasSubstr("radius"));
}

TEST_F(Skeleton, AllTrainTogetherAndTheMetricIsPartOfTheEvaluation) {
  monge::Recipe recipe;
  recipe.method = "huber";
  recipe.map.net = "affine";
  recipe.potential.width = 16;
  recipe.train.iterations = 4;
  recipe.train.batch = 16;
  recipe.train.k_t = 2;
  recipe.train.threads = 1;
  recipe.eval.best = "mean_shift";
  recipe.eval.samples = 16;
  const auto session = monge::Session::train(recipe, "ring:64", "ring:64?radius=2");
  ASSERT_TRUE(session.evaluation().has_value());
  EXPECT_TRUE(std::isfinite(session.evaluation()->value("mean_shift")));
  EXPECT_EQ(session.model().translate(torch::zeros({3, 2})).sizes(), (std::vector<int64_t>{3, 1, 2}));
}

}  // namespace
}  // namespace skeleton
