#include "monge/data/toys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

torch::Tensor draw(const std::string& line, int64_t n = 100'000) {
  return open_toy(line)->draw(n, RandomStreams(11).at("test", 0));
}

TEST(Toys, HaveTheMomentsOfTheirFormulas) {
  const double error = 0.02;  // five standard errors at 100,000 draws of unit variance, and some for larger spreads
  const auto mean = [](const torch::Tensor& x) { return x.mean(0).abs().max().item<double>(); };
  EXPECT_LE(mean(draw("toy:mixture8") * 0.5), error);
  EXPECT_LE(mean(draw("toy:moons")), error);
  EXPECT_LE(mean(draw("toy:uniform?dim=3")), error);
  EXPECT_LE(mean(draw("toy:segments?count=3")), error);
  EXPECT_NEAR(draw("toy:mixture8?radius=3&std=0.5").square().sum(1).mean().item<double>(), 9.5, 0.1);
  EXPECT_NEAR(draw("toy:uniform?half=3").square().mean().item<double>(), 3, 0.05);
  EXPECT_NEAR(draw("toy:gaussian?dim=5&mean=2&std=0.5").sub(2).square().mean().item<double>(), 0.25, 0.005);
  // |x| = t / 4.5 pi with t uniform on [1.5 pi, 4.5 pi]: between 1/3 and 1, 2/3 on average.
  const auto radius = draw("toy:swiss_roll?noise=0").norm(2, 1);
  EXPECT_NEAR(radius.mean().item<double>(), 2.0 / 3, 0.005);
  EXPECT_GE(radius.min().item<double>(), 1.0 / 3 - 1e-5);
  EXPECT_LE(radius.max().item<double>(), 1 + 1e-5);
}

TEST(Toys, SegmentsLieWhereTheyShould) {
  const auto sample = draw("toy:segments?count=2&gap=4&length=6", 1000);
  EXPECT_TRUE(sample.select(1, 1).abs().eq(2).all().item<bool>());
  EXPECT_LE(sample.select(1, 0).abs().max().item<double>(), 3);
  EXPECT_GE(sample.select(1, 0).abs().max().item<double>(), 2.9);
}

/// Whether all coordinates but the given range are 0.
bool only(const torch::Tensor& x_ND, int64_t begin, int64_t end) {
  auto rest = x_ND.clone();
  rest.slice(1, begin, end).zero_();
  return rest.abs().max().item<double>() == 0;
}

TEST(Toys, PairsShareTheirFlatSource) {
  for (const std::string name : {"perpendicular", "one_to_many", "parallel"}) {
    const auto x = draw("toy:" + name + "?dim=6");
    ASSERT_EQ(x.size(1), 6) << name;
    EXPECT_TRUE(only(x, 0, 3)) << name;
    EXPECT_LE(x.abs().max().item<double>(), 1) << name;
    EXPECT_NEAR(x.slice(1, 0, 3).square().mean().item<double>(), 1.0 / 3, 0.005) << name;
    EXPECT_TRUE(torch::equal(x, draw("toy:" + name + "?side=source&dim=6"))) << name;
  }
}

TEST(Toys, PerpendicularTurnsItsSource) {
  const auto y = draw("toy:perpendicular?dim=6&side=target");
  EXPECT_TRUE(only(y, 3, 6));
  EXPECT_LE(y.abs().max().item<double>(), 1);
  // Any coupling costs E|x|^2 + E|y|^2 = dim/6 + dim/6.
  EXPECT_NEAR(y.square().sum(1).mean().item<double>(), 1, 0.01);
}

TEST(Toys, OneToManyAndParallelMoveTheirSource) {
  for (const std::string name : {"one_to_many", "parallel"}) {
    const auto y = draw("toy:" + name + "?dim=6&side=target");
    EXPECT_TRUE(torch::equal(y.select(1, 5).abs(), torch::ones({y.size(0)}))) << name;
    auto back = y.clone();
    back.select(1, 5).zero_();
    EXPECT_TRUE(only(back, 0, 3)) << name;
    EXPECT_NEAR(back.slice(1, 0, 3).square().mean().item<double>(), 1.0 / 3, 0.005) << name;
  }
  const auto branch = draw("toy:one_to_many?dim=4&side=target").select(1, 3);
  EXPECT_NEAR(branch.mean().item<double>(), 0, 0.02);
  EXPECT_EQ(draw("toy:parallel?dim=4&side=target").select(1, 3).min().item<double>(), 1);
}

TEST(Toys, MultiPerpendicularStandsOnItsCells) {
  EXPECT_TRUE(only(draw("toy:multi_perpendicular?count=3"), 0, 1));
  const auto y = draw("toy:multi_perpendicular?count=3&side=target");
  const auto [places, inverse, counts] = torch::_unique2(y.select(1, 0), true, false, true);
  EXPECT_TRUE(torch::allclose(places, torch::tensor({-2.0f / 3, 0.0f, 2.0f / 3}), 0, 1e-6));
  EXPECT_LE((counts.to(torch::kFloat64) / 1e5 - 1.0 / 3).abs().max().item<double>(), 0.008);  // five standard errors
  EXPECT_NEAR(y.select(1, 1).square().mean().item<double>(), 1.0 / 3, 0.005);
  EXPECT_LE(y.abs().max().item<double>(), 1);
  // A cell's points go to its centre: E(x - x_k)^2 + E y^2 = (1/count^2 + 1)/3.
  const auto x = draw("toy:multi_perpendicular?count=3").select(1, 0);
  const auto nearest = (x.unsqueeze(1) - places).square().amin(1);
  EXPECT_NEAR(nearest.mean().item<double>() + 1.0 / 3, (1.0 / 9 + 1) / 3, 0.002);
}

TEST(Toys, GaussianKnowsItsMoments) {
  const auto source = open_toy("toy:gaussian?dim=4&mean=1.5&std=2&cov_seed=7");
  const auto* gaussian = dynamic_cast<const GaussianSource*>(source.get());
  ASSERT_NE(gaussian, nullptr);
  const auto sample = source->draw(200'000, RandomStreams(1).at("test", 0)).to(torch::kFloat64);
  EXPECT_LE((sample.mean(0) - gaussian->mean()).abs().max().item<double>(), 0.03);
  // The standard error of a covariance near 5 is 5 sqrt(2 / 200,000) = 0.016.
  EXPECT_LE((torch::cov(sample.t()) - gaussian->covariance()).abs().max().item<double>(), 0.08);
  EXPECT_GT(gaussian->covariance().triu(1).abs().max().item<double>(), 0.1) << "the axes are correlated";
  const auto again = open_toy("toy:gaussian?dim=4&mean=1.5&std=2&cov_seed=7");
  EXPECT_TRUE(torch::equal(gaussian->covariance(), dynamic_cast<const GaussianSource&>(*again).covariance()));
}

TEST(Toys, AreEndlessFloatsAndPureInTheGenerator) {
  for (const auto& name : toy_names()) {
    const auto source = open_toy("toy:" + name);
    EXPECT_TRUE(source->endless());
    EXPECT_EQ(source->item_shape(), (std::vector<int64_t>{2})) << name;
    const auto sample = source->draw(7, RandomStreams(1).at("a", 2));
    EXPECT_EQ(sample.scalar_type(), torch::kFloat32) << name;
    EXPECT_EQ(sample.sizes(), (std::vector<int64_t>{7, 2})) << name;
    EXPECT_TRUE(torch::equal(sample, source->draw(7, RandomStreams(1).at("a", 2)))) << name;
    EXPECT_THAT(message_of([&] { source->items({0}); }), AllOf(HasSubstr(name), HasSubstr("endless")));
  }
}

TEST(Toys, RefuseWhatTheyDoNotKnow) {
  EXPECT_THAT(message_of([] { open_toy("toy:moon"); }),
              AllOf(HasSubstr("\"moon\""), HasSubstr("did you mean \"moons\"")));
  EXPECT_THAT(message_of([] { open_toy("toy:moons?nose=1"); }),
              AllOf(HasSubstr("toy:moons?nose=1"), HasSubstr("did you mean \"noise\"")));
  EXPECT_THAT(message_of([] { open_toy("toy:moons?dim=3"); }),
              AllOf(HasSubstr("dim"), HasSubstr("\"3\""), HasSubstr("2 to 2")));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?dim=0"); }), HasSubstr("1 to 1048576"));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?dim=99999&cov_seed=1"); }), HasSubstr("1 to 4096"));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?std=nan"); }), HasSubstr("\"nan\""));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?std=1x"); }), HasSubstr("\"1x\""));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?std"); }), HasSubstr("key=value"));
  EXPECT_THAT(message_of([] { open_toy("toy:gaussian?std=1&std=2"); }), HasSubstr("given twice"));
  for (const std::string name : {"perpendicular", "one_to_many", "parallel"}) {
    EXPECT_THAT(message_of([&] { open_toy("toy:" + name + "?dim=5"); }),
                AllOf(HasSubstr("dim"), HasSubstr("\"5\""), HasSubstr("an even number, 2 to 1048576")));
  }
  EXPECT_THAT(message_of([] { open_toy("toy:parallel?side=left"); }),
              AllOf(HasSubstr("side"), HasSubstr("\"left\""), HasSubstr("source, target")));
  EXPECT_THAT(message_of([] { open_toy("toy:multi_perpendicular?dim=4"); }), HasSubstr("2 to 2"));
}

}  // namespace
}  // namespace monge::data
