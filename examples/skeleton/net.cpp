// Map net "affine": T(x) = A x + b for vectors, which starts as the identity. Enough between Gaussian laws.
#include <torch/nn/functional/linear.h>

#include "examples/skeleton/skeleton.h"

namespace skeleton {
namespace {

class Affine : public monge::nn::MapNet {
 public:
  /// @param in   entries of an input: those of the sample, then its noise.  @param out  entries of an output; <= in.
  Affine(int64_t in, int64_t out) {
    weight_ = register_parameter("weight", torch::eye(out, in));  // the noise has no effect at first
    bias_ = register_parameter("bias", torch::zeros({out}));
  }

  torch::Tensor forward(const torch::Tensor& input) override {
    monge::require(input.dim() == 2 && input.size(1) == weight_.size(1), "affine: expected [B, ", weight_.size(1),
                   "], got ", input.sizes());
    return torch::nn::functional::linear(input, weight_, bias_);
  }

 private:
  torch::Tensor weight_, bias_;
};

}  // namespace

monge::solve::NetEntry<monge::nn::MapNet> affine_entry() {
  return {.help = "a matrix and a shift",
          .data = monge::solve::DataKind::vectors,
          .make = [](const monge::solve::NetContext& context) -> std::shared_ptr<monge::nn::MapNet> {
            const int64_t dim = context.item_shape.at(0);
            return std::make_shared<Affine>(dim + context.noise_channels, dim);
          }};
}

}  // namespace skeleton
