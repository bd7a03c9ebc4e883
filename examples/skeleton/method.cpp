// Method "huber": C(x, T) = tau sum_i h(x_i - T_i) with Huber's h (1964), which is quadratic up to `delta` and linear
// beyond: the cost of single entries that move far does not grow with the square.
#include "examples/skeleton/skeleton.h"
#include "monge/core/option_section.h"

namespace skeleton {
namespace {

/// [huber] in a recipe. Defaults stand here and nowhere else.
struct HuberOptions {
  static constexpr const char* kSection = "huber";
  static constexpr const char* kHelp = "Method huber: quadratic cost near, linear cost far";

  double delta = 1.0;

  void describe(monge::OptionRows& rows) {
    rows.on_resume(monge::OnResume::fixed, "another problem");
    rows.add("delta", delta, "distance of an entry at which the cost becomes linear").unit("data units").above_zero();
  }
};

class Huber : public monge::ot::Method {
 public:
  explicit Huber(const monge::ot::MethodSetting& setting)
      : tau_(setting.tau), options_(setting.sections.get<HuberOptions>()) {}

  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y,
                     const monge::ot::ScheduleValues& /*values*/) const override {
    return pair_cost(x, y.squeeze(1));  // a deterministic map: one sample per input
  }

  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    const auto distance = (y - x).abs(), near = distance.clamp_max(options_.delta);
    return tau_ * (near * (2 * distance - near)).flatten(1).sum(1);
  }

 private:
  double tau_;
  HuberOptions options_;
};

}  // namespace

monge::ot::MethodEntry huber_entry() {
  return {.help = "Huber's cost, a deterministic map",
          .make = [](const monge::ot::MethodSetting& setting) { return std::make_unique<Huber>(setting); },
          .options = monge::OptionSection(HuberOptions{})};
}

}  // namespace skeleton
