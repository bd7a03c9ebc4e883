#include "monge/ot/weak.h"

#include "monge/core/error.h"
#include "monge/ot/schedule.h"

namespace monge::ot {
namespace {

/// The rows that [weak] and [kernel] share.
template <class Options>
void describe_map_noise(OptionRows& rows, Options& options) {
  rows.add("z", options.z, "outputs drawn per input in a map update").least(1);
  rows.add("z_channels", options.z_channels, "noise channels (images) or entries (vectors) appended to the input")
      .least(1);
  rows.add("z_std", options.z_std, "standard deviation of the noise").above_zero();
  rows.add("z_kind", options.z_kind,
           "noise of images: pixels, a draw for every pixel, or vector, one per channel for the whole image")
      .choices(noise_kinds().ordered());
}

template <class Options>
MapNoise map_noise_of(const Options& options) {
  return {.samples_per_input = options.z,
          .channels = options.z_channels,
          .std = options.z_std,
          .vector = noise_kinds().at(options.z_kind),
          .section = Options::kSection};
}

std::unique_ptr<Method> make_weak(const MethodSetting& setting) {
  const auto& options = setting.sections.get<WeakOptions>();
  return std::make_unique<Weak>(Weak::Parts{.tau = setting.tau,
                                            .kind = CostKind::weak_quadratic,
                                            .cost = weak_cost,
                                            .pair_cost = squared_cost,
                                            .gamma_begin = options.gamma0,
                                            .gamma_end = options.gamma1,
                                            .gamma_iterations = options.gamma_iters,
                                            .noise = map_noise_of(options)});
}

std::unique_ptr<Method> make_kernel(const MethodSetting& setting) {
  const auto& options = setting.sections.get<KernelOptions>();
  return std::make_unique<Weak>(Weak::Parts{.tau = setting.tau,
                                            .kind = CostKind::other,
                                            .cost = kernel_cost,
                                            .pair_cost = distance_cost,
                                            .gamma_begin = 0,
                                            .gamma_end = options.gamma,
                                            .gamma_iterations = options.gamma_iters,
                                            .noise = map_noise_of(options)});
}

}  // namespace

const Registry<bool>& noise_kinds() {
  static const Registry<bool> kinds("z_kind", {{"pixels", false}, {"vector", true}});
  return kinds;
}

void WeakOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("gamma0", gamma0, "weight of the variance at iteration 0").least(0);
  rows.add("gamma1", gamma1, "weight of the variance from gamma_iters on").least(0);
  rows.add("gamma_iters", gamma_iters, "length of the ramp from gamma0 to gamma1").unit("iterations").least(0);
  describe_map_noise(rows, *this);
}

void KernelOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("gamma", gamma, "weight of the spread").range(0, 1);
  rows.add("gamma_iters", gamma_iters, "length of the ramp from 0 to gamma").unit("iterations").least(0);
  describe_map_noise(rows, *this);
}

void Weak::check() const {
  if (parts_.noise.samples_per_input >= 2) return;
  const auto& section = parts_.noise.section;
  throw InputError({.what = "method \"" + section + "\" needs at least 2 samples per input to measure their spread",
                    .where = section + ".z",
                    .value = "Z = " + std::to_string(parts_.noise.samples_per_input),
                    .allowed = "2 or more",
                    .fix = "set " + section + ".z = 2 or more, or method = \"strong\""});
}

ScheduleValues Weak::at(int64_t iteration) const {
  return {.gamma = linear_ramp(parts_.gamma_begin, parts_.gamma_end, parts_.gamma_iterations, iteration)};
}

MethodEntry weak_entry() {
  return {.help = "quadratic cost minus gamma times the variance of the outputs, a stochastic map",
          .make = make_weak,
          .options = OptionSection(WeakOptions{})};
}

MethodEntry kernel_entry() {
  return {.help = "distances minus gamma times the spread of the outputs, a stochastic map",
          .make = make_kernel,
          .options = OptionSection(KernelOptions{})};
}

}  // namespace monge::ot
