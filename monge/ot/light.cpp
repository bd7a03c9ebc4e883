#include "monge/ot/light.h"

#include "monge/core/error.h"

namespace monge::ot {

void LightOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("epsilon", epsilon,
           "weight of the entropy, in units of the cost: large values spread the outputs of an input, small ones "
           "approach the optimal map")
      .above_zero();
  rows.on_resume(OnResume::fixed, "changes the network");
  rows.add("components", components, "Gaussians of the mixture").range(1, 65536);
}

void Light::check_items(at::IntArrayRef item_shape) const {
  if (item_shape.size() == 1) return;
  throw InputError({.what = "a Gaussian mixture describes vectors, and the data are images",
                    .where = "method",
                    .value = "\"light\"",
                    .allowed = "for images: strong, weak, kernel, noised, otp",
                    .fix = "set method = \"weak\" for several outputs of one image"});
}

MethodEntry light_entry() {
  return {.help = "an entropic plan in closed form, a Gaussian mixture (LightSB), for vectors",
          .make = [](const MethodSetting& setting) { return std::make_unique<Light>(setting); },
          .options = OptionSection(LightOptions{})};
}

}  // namespace monge::ot
