// A method that the library does not know, registered here as a program would: its options are part of recipes, and the
// solver trains with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "monge/train/recipe.h"
#include "monge/train/resume_changes.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

/// [capped]
struct CappedOptions {
  static constexpr const char* kSection = "capped";
  static constexpr const char* kHelp = "Method capped: quadratic cost up to a cap";

  double cap = 4.0;
  int64_t z = 1;

  void describe(OptionRows& rows) {
    rows.on_resume(OnResume::fixed, "changes the problem");
    rows.add("cap", cap, "largest cost of an input").above_zero();
    rows.add("z", z, "samples per input").least(1);
  }
  void check() const { require(z < 1000, "capped.z = ", z, " (allowed: below 1000)"); }
};

/// C(x, T) = min(tau ||x - T(x)||^2, cap), averaged over the samples of a map that takes one channel of noise.
class Capped : public Method {
 public:
  explicit Capped(const MethodSetting& setting) : tau_(setting.tau), options_(setting.sections.get<CappedOptions>()) {}

  MapNoise noise() const override {
    return {.samples_per_input = options_.z, .channels = 1, .std = 1, .section = "capped"};
  }
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues&) const override {
    return (tau_ * (y - x.unsqueeze(1)).square().flatten(2).sum(2)).clamp_max(options_.cap).mean(1);
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, tau_).clamp_max(options_.cap);
  }

 private:
  double tau_;
  CappedOptions options_;
};

class ExternalMethod : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    methods().add("capped", {.help = "quadratic cost up to a cap",
                             .make = [](const MethodSetting& setting) { return std::make_unique<Capped>(setting); },
                             .options = OptionSection(CappedOptions{})});
  }

  static train::Recipe recipe(const std::string& section) {
    return train::parse_recipe(
        "method = \"capped\"\n[source]\npath = \"toy:gaussian\"\n[target]\npath = \"toy:moons\"\n" + section, "a.toml");
  }
};

TEST_F(ExternalMethod, HasItsSectionInARecipe) {
  auto read = recipe("[capped]\ncap = 2\nz = 3\n");
  EXPECT_EQ(read.section<CappedOptions>().cap, 2.0);
  EXPECT_EQ(read.section<CappedOptions>().z, 3);
  const auto copy = read;
  read.section<CappedOptions>().cap = 7;
  EXPECT_EQ(copy.section<CappedOptions>().cap, 2.0) << "a copy has its own options";
  const auto table = read.options();
  EXPECT_THAT(table.to_toml(false), HasSubstr("[capped]\ncap = 7.0\nz = 3\n"));
  EXPECT_THAT(table.to_markdown(),
              AllOf(HasSubstr("## [capped]"), HasSubstr("| no: changes the problem | largest cost")));
  EXPECT_EQ(train::parse_recipe(table.to_toml(true), "again").section<CappedOptions>().cap, 7.0);
}

TEST_F(ExternalMethod, IsCheckedLikeAnyOther) {
  EXPECT_THAT(message_of([] { recipe("[capped]\ncapp = 2\n"); }), HasSubstr("did you mean \"capped.cap\""));
  EXPECT_THAT(message_of([] { recipe("[capped]\ncap = 0\n"); }), HasSubstr("above 0"));
  EXPECT_THAT(message_of([] { recipe("[capped]\nz = 1000\n"); }), HasSubstr("below 1000"));
  EXPECT_THAT(message_of([] { train::require_changeable({"capped.cap=3"}); }), HasSubstr("capped.cap=3"));
  EXPECT_THAT(message_of([] { make_method("caped", {}); }), HasSubstr("did you mean \"capped\""));
  EXPECT_THAT(message_of([] { methods().add("weak", {}); }), HasSubstr("\"weak\" is already registered"));
}

TEST_F(ExternalMethod, Trains) {
  auto options = recipe("[capped]\nz = 2\n[map]\nwidth = 16\n[potential]\nwidth = 16\n[train]\nk_t = 2\n");
  const std::vector<int64_t> shape{2};
  const auto nets = solve::make_nets(options, shape, shape);
  solve::Solver solver(options, nets.map, nets.ema, nets.potential, 2, torch::kCPU);
  const auto draw = [](const char* side, int64_t step) {
    return torch::randn({8, 2}, RandomStreams(1).at(side, step));
  };
  const solve::BatchProvider batches{[&](int64_t step) { return draw("x", step); },
                                     [&](int64_t step) { return draw("y", step); }};
  const auto before = solver.fingerprint();
  for (int64_t k = 0; k < 3; ++k) {
    const auto metrics = solver.outer_iteration(k, batches);
    EXPECT_GE(metrics.cost, 0);
    EXPECT_LE(metrics.cost, options.section<CappedOptions>().cap);
    EXPECT_EQ(metrics.skipped, 0);
  }
  EXPECT_NE(solver.fingerprint(), before);
  EXPECT_EQ(solver.method().samples_per_input(), 2);
}

}  // namespace
}  // namespace monge::ot
