#include "monge/train/smoothed_recipe.h"

#include <cmath>
#include <string>

#include "monge/core/number.h"
#include "monge/ot/otp.h"

namespace monge::train {

std::optional<double> level_to_smooth(const Recipe& recipe, const SourceShape& source, at::IntArrayRef item_shape) {
  const auto method = solve::make_method(recipe);
  if (method->smooths() || method->has_closed_form() || method->conditional() || method->noise().channels > 0)
    return {};
  if (item_shape.size() != 1 || !source.degenerate() || !(source.radius > 0)) return {};
  // As it is written into the recipe.
  return std::stod(number(source.radius / std::sqrt(static_cast<double>(source.rank)), 3));
}

void smooth_source(Recipe& recipe, double level) {
  auto& otp = recipe.section<ot::OtpOptions>();
  otp = {};
  otp.cost = recipe.method;
  otp.schedule = "constant";
  otp.eps_start = level;
  otp.eps_end = number(level, 3);
  recipe.method = ot::OtpOptions::kSection;
}

}  // namespace monge::train
