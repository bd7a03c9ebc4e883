// The arithmetic of networks for a scope: mixed precision, and products of bfloat16.
#pragma once

#include <ATen/autocast_mode.h>
#include <torch/types.h>

#include <string>

#include "monge/nn/product_scope.h"
#include "monge/solve/precision.h"

namespace monge::solve {

/// While it lives, autocast casts the inputs of matrix products and convolutions to `type`. float32 and float64 change
/// nothing. The destructor restores the former setting.
class AutocastScope {
 public:
  AutocastScope(torch::Device device, torch::ScalarType type)
      : device_(device.type()), on_(type == torch::kBFloat16 || type == torch::kHalf) {
    if (!on_) return;
    was_enabled_ = at::autocast::is_autocast_enabled(device_);
    was_type_ = at::autocast::get_autocast_dtype(device_);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, type);
    at::autocast::increment_nesting();
  }
  ~AutocastScope() {
    if (!on_) return;
    // The cache holds casts of the weights, which the next step changes.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, was_enabled_);
    at::autocast::set_autocast_dtype(device_, was_type_);
  }
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  torch::DeviceType device_;
  bool on_;
  bool was_enabled_ = false;
  torch::ScalarType was_type_ = torch::kFloat32;
};

/// While it lives, networks are evaluated in the arithmetic of train.precision.
class PrecisionScope {
 public:
  PrecisionScope(torch::Device device, const std::string& precision)
      : mixed_(device, product_type(precision)), products_(products_of(precision)) {}

 private:
  AutocastScope mixed_;
  nn::ProductScope products_;
};

}  // namespace monge::solve
