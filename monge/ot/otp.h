// Optimal transport plan: solves another method's problem for a smoothed source whose noise level falls. After training
// the map takes x + eps_end n, so that a deterministic network draws samples from a plan. Choi, Choi, Kwon 2025 (OTP).
#pragma once

#include <memory>
#include <string>

#include "monge/ot/method.h"

namespace monge::ot {

/// [otp]
struct OtpOptions {
  static constexpr const char* kSection = "otp";
  static constexpr const char* kHelp =
      "Method otp: smooths the source with falling noise, for transport plans and against maps that miss the target";

  std::string cost = "strong";         ///< the method whose cost and potential it takes, any but otp
  std::string smoothing = "ve";        ///< see smoothing_kinds
  double eps_start = 1.0;              ///< in units of the data, >= eps_end; at most 1 for vp
  std::string eps_end = "auto";        ///< a number >= 0 (> 0 for geometric and steps), or "auto": set before training
  std::string schedule = "geometric";  ///< see noise_schedules
  double anneal = 0.7;                 ///< fraction of the iterations over which the level falls, in [0, 1]
  int64_t levels = 8;                  ///< plateaus of the schedule steps, >= 2
  double tint = 0.0;                   ///< see Smoothing
  std::string input = "smoothed";      ///< what the map takes, see otp_inputs

  void describe(OptionRows& rows);

  /// Whether eps_end is left to the data.
  bool level_is_open() const { return eps_end == "auto"; }

  /// eps_end as a number. @throws InputError if it is not a number.
  double level_at_end() const;
};

/// What the map takes, by name; the value is Method::hides_smoothing:
///
///     smoothed  x' = x + eps n
///     clean     x, and the part m of the noise that is one value per channel, with variance 1, as noise beside it.
///               The cost remains that of x' and T(x, m). The map cannot copy the white part of the noise to its
///               output, and its inputs do not shrink with eps. The source is then smoothed along the tint alone.
const Registry<bool>& otp_inputs();

/// The cost, the potential and the schedules are those of the inner method; the noise level is otp's own. The cost is
/// that of the smoothed input and its output.
class Otp : public Method {
 public:
  /// @throws InputError when the inner method is otp or unknown.
  explicit Otp(const MethodSetting& setting);

  void check() const override;
  /// @throws InputError for a tint on vectors, and as the inner method.
  void check_items(at::IntArrayRef item_shape) const override;

  ScheduleValues at(int64_t iteration) const override;
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const override {
    return inner_->cost(x, y, values);
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return inner_->pair_cost(x, y);
  }
  Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const override {
    return inner_->perturb(y, draws);
  }
  MapNoise noise() const override;
  Conditioning conditioning() const override { return inner_->conditioning(); }
  CostKind cost_kind() const override { return inner_->cost_kind(); }

  bool smooths() const override { return true; }
  bool hides_smoothing() const override { return otp_inputs().at(options_.input); }
  std::string advice_when_missed() const override;

  std::string* noise_level(OptionSections& sections) const override;
  bool level_is_open() const override { return options_.level_is_open(); }
  /// Takes the level below which the samples cannot be told from their distribution (statistical_noise_level), but at
  /// most eps_start.
  std::string resolve(OptionSections& sections, const SampleResolution& samples) const override;
  /// Sets `anneal` so that the noise falls over as many iterations as before.
  void keep_schedules(OptionSections& sections, int64_t before, int64_t now) const override;
  void drop_smoothing(OptionSections& sections) const override;

 private:
  OtpOptions options_;
  int64_t iterations_;
  std::unique_ptr<Method> inner_;
};

/// The registry's row.
MethodEntry otp_entry();

}  // namespace monge::ot
