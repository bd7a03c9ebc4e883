#include "monge/nn/output_bound.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge::nn {
namespace {

class Clamp : public torch::autograd::Function<Clamp> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& y) {
    context->save_for_backward({y});
    return y.clamp(-1, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto y = context->get_saved_variables()[0];
    const auto& gradient = gradients[0];
    const auto outwards = (y > 1).logical_and(gradient < 0).logical_or((y < -1).logical_and(gradient > 0));
    return {gradient.masked_fill(outwards, 0)};
  }
};

}  // namespace

std::vector<std::string> output_bounds() { return {"none", "tanh", "clamp"}; }

void check_output_bound(const std::string& kind, const char* net) {
  const auto kinds = output_bounds();
  require(std::find(kinds.begin(), kinds.end(), kind) != kinds.end(), net, ": output = \"", kind,
          "\" (allowed: ", join(kinds, ", "), ")");
}

torch::Tensor bound_output(const torch::Tensor& y, const std::string& kind) {
  if (kind == "none") return y;
  if (kind == "tanh") return torch::tanh(y);
  return Clamp::apply(y);
}

}  // namespace monge::nn
