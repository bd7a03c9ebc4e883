#include "monge/ot/otp.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/number.h"
#include "monge/ot/intrinsic_dimension.h"
#include "monge/ot/light.h"

namespace monge::ot {
namespace {

/// The methods whose cost and potential otp can take.
std::vector<std::string> inner_methods() {
  auto out = methods().ordered();
  std::erase(out, OtpOptions::kSection);
  std::erase(out, LightOptions::kSection);  // it has no cost of its own
  return out;
}

std::unique_ptr<Method> make_inner(const MethodSetting& setting, const std::string& name) {
  if (name == OtpOptions::kSection || name == LightOptions::kSection) {
    auto allowed = inner_methods();
    std::sort(allowed.begin(), allowed.end());
    throw InputError(
        text("otp.cost = \"", name, "\": otp needs the cost of another method (allowed: ", join(allowed), ")"));
  }
  return make_method(name, setting);
}

constexpr int64_t kTintChannels = 3;  // of the noise that the map takes; a grey image uses the first

/// The text of an option of type double.
std::string as_option(double value) { return OptionTable::to_toml(Option{.key = "", .field = &value, .help = ""}); }

}  // namespace

const Registry<bool>& otp_inputs() {
  static const Registry<bool> inputs("otp.input", {{"smoothed", false}, {"clean", true}});
  return inputs;
}

void OtpOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("cost", cost, "method whose cost and potential are used; the options of its section apply as well")
      .choices(inner_methods());
  rows.add("smoothing", smoothing, "how noise n smooths a source sample x. ve: x + eps n; vp: sqrt(1-eps^2) x + eps n")
      .choices(smoothing_kinds().ordered());
  rows.add("eps_start", eps_start, "noise level at iteration 0").unit("data units").least(0);
  rows.add("eps_end", eps_end,
           "noise level at the end of training and in use: a number, or auto: the resolution of the source's samples "
           "(docs/otp.md)")
      .unit("data units");
  rows.add("schedule", schedule, "how the noise level falls; constant: eps_end throughout")
      .choices(noise_schedules().ordered());
  rows.add("anneal", anneal, "fraction of the iterations over which the level falls; afterwards it is eps_end")
      .unit("fraction")
      .range(0, 1);
  rows.add("levels", levels, "number of plateaus of schedule = steps").range(2, 10000);
  rows.add("tint", tint,
           "images: fraction of the noise's variance that is one value per channel, so that the noise can decide "
           "colours")
      .range(0, 0.99);
  rows.add(
          "input", input,
          "input of the map: smoothed, or clean: x itself, with the noise's value per channel beside it (images; needs "
          "tint > 0)")
      .choices(otp_inputs().ordered());
}

double OtpOptions::level_at_end() const {
  char* end = nullptr;
  const double level = std::strtod(eps_end.c_str(), &end);
  if (eps_end.empty() || *end != '\0' || !(level >= 0) || !std::isfinite(level)) {
    throw InputError({.what = "not a noise level",
                      .where = "otp.eps_end",
                      .value = '"' + eps_end + '"',
                      .allowed = "\"auto\" or a number, 0 or more"});
  }
  return level;
}

Otp::Otp(const MethodSetting& setting)
    : options_(setting.sections.get<OtpOptions>()),
      iterations_(setting.iterations),
      inner_(make_inner(setting, options_.cost)) {}

void Otp::check() const {
  inner_->check();
  if (!level_is_open()) smoothing_at(options_, iterations_, 0);
  if (!hides_smoothing()) return;
  require(options_.tint > 0,
          "otp.input = \"clean\" with otp.tint = 0: the map would get no noise; set otp.tint, "
          "for example to 0.5");
  require(inner_->noise().channels == 0, "otp.input = \"clean\" with otp.cost = \"", options_.cost,
          "\": that method has its own noise; set otp.cost = \"strong\"");
}

void Otp::check_items(at::IntArrayRef item_shape) const {
  require(!hides_smoothing() || (item_shape.size() == 3 && item_shape[0] <= kTintChannels),
          "otp.input = \"clean\": ", "it needs images of at most ", kTintChannels, " channels, got items of shape ",
          item_shape);
  require(options_.tint == 0 || item_shape.size() == 3, "otp.tint = ", options_.tint,
          ": only images have a tint; set it to 0");
  inner_->check_items(item_shape);
}

ScheduleValues Otp::at(int64_t iteration) const {
  auto values = inner_->at(iteration);
  values.smoothing = smoothing_at(options_, iterations_, iteration);
  return values;
}

MapNoise Otp::noise() const {
  if (!hides_smoothing()) return inner_->noise();
  return {.samples_per_input = 1, .channels = kTintChannels, .std = 1, .vector = true, .section = {}};
}

std::string Otp::advice_when_missed() const { return "a larger otp.eps_start, otp.eps_end or potential.r1"; }

std::string* Otp::noise_level(OptionSections& sections) const { return &sections.get<OtpOptions>().eps_end; }

std::string Otp::resolve(OptionSections& sections, const SampleResolution& samples) const {
  auto& options = sections.get<OtpOptions>();
  if (!options.level_is_open()) return {};
  const double level = statistical_noise_level(samples.radius, samples.intrinsic, samples.count, samples.dim);
  require(options.eps_start > 0,
          "otp.eps_start = 0 with otp.eps_end = \"auto\": the noise cannot fall from 0; set otp.eps_start above 0");
  require(level > 0,
          "otp.eps_end = \"auto\": the source's samples are all equal, so they determine no noise level; set a "
          "number");
  // The bound is not rounded to three digits, because it could then exceed eps_start.
  const bool below = std::stod(number(level, 3)) < options.eps_start;
  options.eps_end = below ? number(level, 3) : as_option(options.eps_start);
  return text("otp.eps_end = ", options.eps_end, ": the resolution of ", samples.count,
              samples.endless ? " draws of an endless law" : " samples", " of intrinsic dimension ",
              number(samples.intrinsic), " (TwoNN) and radius ", number(samples.radius), " in ", samples.dim,
              " dimensions", !below ? ", bounded by otp.eps_start" : "");
}

void Otp::keep_schedules(OptionSections& sections, int64_t before, int64_t now) const {
  inner_->keep_schedules(sections, before, now);
  if (now == before) return;
  auto& anneal = sections.get<OtpOptions>().anneal;
  const double length = anneal * static_cast<double>(before);
  anneal = length / static_cast<double>(now);
  require(anneal <= 1, "train.iterations = ", now, ": the noise of this run falls over ", length,
          " iterations, and the run must be at least that long");
}

void Otp::drop_smoothing(OptionSections& sections) const {
  auto& options = sections.get<OtpOptions>();
  options.eps_end = "0";
  options.schedule = "constant";
}

MethodEntry otp_entry() {
  return {.help = "another method's cost, with a smoothed source whose noise falls during training",
          .make = [](const MethodSetting& setting) { return std::make_unique<Otp>(setting); },
          .options = OptionSection(OtpOptions{})};
}

}  // namespace monge::ot
