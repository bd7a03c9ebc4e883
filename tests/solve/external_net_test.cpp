// Nets and a schedule that the library does not know, registered here as a program would.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/solve/net_registry.h"
#include "monge/solve/nets.h"
#include "monge/solve/options.h"
#include "monge/solve/solver.h"
#include "tests/support/support.h"

namespace monge::solve {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

/// [affine]
struct AffineOptions {
  static constexpr const char* kSection = "affine";
  static constexpr const char* kHelp = "Map affine: T(x) = gain (A x + b)";

  double gain = 1.0;

  void describe(OptionRows& rows) {
    rows.on_resume(OnResume::fixed, "changes the network");
    rows.add("gain", gain, "a factor on the output").above_zero();
  }
};

class Affine : public nn::MapNet {
 public:
  Affine(int64_t in, int64_t out, double gain) : gain_(gain) {
    linear_ = register_module("linear", torch::nn::Linear(in, out));
  }
  torch::Tensor forward(const torch::Tensor& input) override { return gain_ * linear_->forward(input); }

 private:
  double gain_;
  torch::nn::Linear linear_{nullptr};
};

double half_then_whole(const ot::RateSchedule& schedule, int64_t iteration) {
  return 2 * iteration < schedule.total ? 0.5 : 1.0;
}

class ExternalNet : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    map_nets().add("affine", {.help = "one linear layer",
                              .data = DataKind::vectors,
                              .make =
                                  [](const NetContext& context) {
                                    const int64_t dim = context.item_shape.at(0);
                                    return std::make_shared<Affine>(dim + context.noise_channels, dim,
                                                                    context.options.section<AffineOptions>().gain);
                                  },
                              .options = OptionSection(AffineOptions{})});
    ot::rate_schedules().add("half_then_whole", half_then_whole);
  }
};

TEST_F(ExternalNet, IsMadeByItsName) {
  SolverOptions options;
  assign(options, {"method=weak", "map.net=affine", "affine.gain=3", "weak.z_channels=2"});
  const auto map = make_map(options, {4}, {4});
  const auto* affine = dynamic_cast<Affine*>(map.get());
  ASSERT_NE(affine, nullptr);
  EXPECT_EQ(nn::parameter_count(*map), 4 * (4 + 2) + 4) << "the noise is part of the input";
  options.section<AffineOptions>().gain = 6;
  const auto x = torch::randn({5, 6}, RandomStreams(1).at("x", 0));
  EXPECT_TRUE(torch::allclose(make_map(options, {4}, {4})->forward(x), 2 * map->forward(x)));
}

TEST_F(ExternalNet, TakesItsKindOfDataAlone) {
  SolverOptions options;
  options.map.net = "affine";
  EXPECT_THAT(message_of([&] { make_map(options, {3, 16, 16}, {3, 16, 16}); }),
              AllOf(HasSubstr("map.net"), HasSubstr("images"), HasSubstr("unet")));
  options.map.net = "auto";
  EXPECT_EQ(dynamic_cast<Affine*>(make_map(options, {2}, {2}).get()), nullptr) << "auto takes the first that fits";
}

TEST_F(ExternalNet, TrainsByAScheduleOfItsOwn) {
  SolverOptions options;
  assign(options, {"map.net=affine", "potential.width=16", "train.schedule=half_then_whole", "train.iterations=4",
                   "train.k_t=1", "train.lr_map=0.01"});
  validate(options);
  const auto nets = make_nets(options, {2}, {2});
  Solver solver(options, nets.map, nets.ema, nets.potential, 2, torch::kCPU);
  const auto draw = [](const char* side, int64_t step) {
    return torch::randn({8, 2}, RandomStreams(1).at(side, step));
  };
  const BatchProvider batches{[&](int64_t step) { return draw("x", step); },
                              [&](int64_t step) { return draw("y", step); }};
  EXPECT_DOUBLE_EQ(solver.outer_iteration(1, batches).rate_map, 0.005);
  EXPECT_DOUBLE_EQ(solver.outer_iteration(2, batches).rate_map, 0.01);
}

TEST(SolverOptions, KnowTheirTableAlone) {
  SolverOptions options;
  EXPECT_THAT(message_of([&] { assign(options, {"train.bach=3"}); }), HasSubstr("did you mean \"train.batch\""));
  EXPECT_THAT(message_of([&] { assign(options, {"source.path=x"}); }), HasSubstr("unknown key \"source.path\""));
  assign(options, {"method=kernel", "kernel.z=1"});
  EXPECT_THAT(message_of([&] { validate(options); }), HasSubstr("kernel.z = 2 or more"));
}

}  // namespace
}  // namespace monge::solve
