#include "monge/ot/method.h"

#include <algorithm>

#include "monge/ot/light.h"
#include "monge/ot/noised.h"
#include "monge/ot/otp.h"
#include "monge/ot/strong.h"
#include "monge/ot/weak.h"

namespace monge::ot {

ScheduleValues Method::at(int64_t) const { return {}; }

Perturbation Method::perturb(const torch::Tensor&, const ItemDraws&) const { return {}; }

Smoothing Method::smoothing(int64_t iteration) const {
  return hides_smoothing() ? Smoothing{} : at(std::max<int64_t>(iteration - 1, 0)).smoothing;
}

// The order of the rows is that of the sections in a written recipe.
Registry<MethodEntry>& methods() {
  static Registry<MethodEntry> registry("method", {{"strong", strong_entry()},
                                                   {"weak", weak_entry()},
                                                   {"kernel", kernel_entry()},
                                                   {"noised", noised_entry()},
                                                   {"otp", otp_entry()},
                                                   {"light", light_entry()}});
  return registry;
}

OptionSections method_sections() {
  OptionSections out;
  for (const auto& name : methods().ordered()) {
    if (const auto& options = methods().at(name).options) out.add(*options);
  }
  return out;
}

std::unique_ptr<Method> make_method(const std::string& name, const MethodSetting& setting) {
  return methods().at(name).make(setting);
}

std::vector<std::string> method_names() { return methods().names(); }

}  // namespace monge::ot
