// Maps whose outputs are known, for tests of what is computed of outputs.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "monge/model/model.h"
#include "monge/nn/module.h"

namespace monge::eval {

/// T(x, z) = a x + b, and with `noise` one channel of z more: a x + b + z.
class AffineMap : public nn::MapNet {
 public:
  AffineMap(double a, double b, bool noise) : a_(a), noise_(noise) {
    b_ = register_parameter("b", torch::full({1}, b));
  }
  torch::Tensor forward(const torch::Tensor& input) override {
    if (!noise_) return a_ * input + b_;
    const int64_t entries = input.size(1) - 1;
    return a_ * input.narrow(1, 0, entries) + b_ + input.narrow(1, entries, 1);
  }

 private:
  double a_;
  bool noise_;
  torch::Tensor b_;
};

inline model::Model affine_model(std::vector<int64_t> item_shape, double a, double b, bool noise = false) {
  model::Model out;
  out.net = std::make_shared<AffineMap>(a, b, noise);
  out.item_shape = std::move(item_shape);
  out.noise.channels = noise ? 1 : 0;
  out.noise.std = noise ? 1 : 0;
  return out;
}

}  // namespace monge::eval
