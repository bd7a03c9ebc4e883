#include "monge/solve/gradient_basis.h"

#include <ATen/Context.h>
#include <torch/types.h>

namespace monge::solve {
namespace {

constexpr int64_t kLargestSide = 1024;  // a QR decomposition of more costs as much as many iterations

using ExactProducts = at::NoTF32Guard;  // TF32's three digits would not keep the bases orthonormal

bool is_matrix(const torch::Tensor& weight) {
  return weight.dim() >= 2 && weight.size(0) > 1 && weight.numel() > weight.size(0);
}

torch::Tensor as_matrix(const torch::Tensor& weight) { return weight.dim() == 2 ? weight : weight.flatten(1); }

/// left' M right, or with the transposes exchanged; an undefined side is the identity.
torch::Tensor rotate(const torch::Tensor& matrix, const torch::Tensor& left, const torch::Tensor& right, bool into) {
  auto out = matrix;
  if (left.defined()) out = torch::mm(into ? left.t() : left, out);
  if (right.defined()) out = torch::mm(out, into ? right : right.t());
  return out;
}

/// One step of the power iteration towards the eigenvectors by falling eigenvalues, a QR decomposition. It is a
/// continuous function of the covariance: in the directions without gradients, whose eigenvectors would be arbitrary, a
/// ridge keeps the last ones.
/// @return  the order in which the last vectors then stand; undefined if the side is not rotated.
torch::Tensor refresh_side(const torch::Tensor& covariance, torch::Tensor& vectors) {
  constexpr double kRidge = 1e-6;
  if (!covariance.defined()) return {};
  const auto ridge = covariance.diagonal().mean() * kRidge;
  const auto image = torch::mm(covariance, vectors) + ridge * vectors;
  const auto order =
      torch::maximum((vectors * image).sum(0), 2 * ridge).argsort(/*stable=*/true, /*dim=*/0, /*descending=*/true);
  vectors.copy_(std::get<0>(torch::linalg_qr(image.index_select(1, order))));
  return order;
}

}  // namespace

GradientBasis::GradientBasis(const nn::NamedTensors& parameters, const FlatParameters& layout, double decay)
    : in_basis_(layout.twin()), step_(layout.twin()), decay_(decay) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& [name, weight] = parameters[i];
    if (!is_matrix(weight)) continue;
    const auto side = [options = weight.options().requires_grad(false)](int64_t length) {
      if (length > kLargestSide) return Side{};
      return Side{torch::zeros({length, length}, options.memory_format(std::nullopt)),
                  torch::eye(length, options.memory_format(std::nullopt))};
    };
    Rotated sides{i, name, side(weight.size(0)), side(weight.numel() / weight.size(0))};
    if (sides.left.vectors.defined() || sides.right.vectors.defined()) rotated_.push_back(std::move(sides));
  }
}

const FlatParameters& GradientBasis::project(const FlatParameters& gradients, const torch::Tensor& accepted) {
  const at::NoGradGuard no_grad;
  const ExactProducts exact;
  in_basis_.whole().copy_(gradients.whole());
  const auto weight = accepted.to(gradients.whole().scalar_type()) * (1 - decay_);
  for (auto& r : rotated_) {
    const auto gradient = as_matrix(gradients.views()[r.index]);
    if (r.left.covariance.defined()) r.left.covariance.lerp_(torch::mm(gradient, gradient.t()), weight);
    if (r.right.covariance.defined()) r.right.covariance.lerp_(torch::mm(gradient.t(), gradient), weight);
    const auto& view = in_basis_.views()[r.index];
    view.copy_(rotate(gradient, r.left.vectors, r.right.vectors, /*into=*/true).view(view.sizes()));
  }
  return in_basis_;
}

const torch::Tensor& GradientBasis::step_buffer() {
  step_.whole().zero_();
  return step_.whole();
}

void GradientBasis::project_back(const FlatParameters& values) {
  const at::NoGradGuard no_grad;
  const ExactProducts exact;
  for (const auto& r : rotated_) {
    const auto& view = step_.views()[r.index];
    view.copy_(rotate(as_matrix(view), r.left.vectors, r.right.vectors, /*into=*/false).view(view.sizes()));
  }
  values.whole().add_(step_.whole());
}

void GradientBasis::refresh(const FlatParameters& average, const FlatParameters& square) {
  const at::NoGradGuard no_grad;
  const ExactProducts exact;
  for (auto& r : rotated_) {
    const auto &first_moment = average.views()[r.index], &second_moment = square.views()[r.index];
    const auto unrotated = rotate(as_matrix(first_moment), r.left.vectors, r.right.vectors, /*into=*/false);
    const auto rows = refresh_side(r.left.covariance, r.left.vectors);
    const auto columns = refresh_side(r.right.covariance, r.right.vectors);
    first_moment.copy_(rotate(unrotated, r.left.vectors, r.right.vectors, /*into=*/true).view(first_moment.sizes()));
    auto ordered = as_matrix(second_moment);
    if (rows.defined()) ordered = ordered.index_select(0, rows);
    if (columns.defined()) ordered = ordered.index_select(1, columns);
    if (rows.defined() || columns.defined()) second_moment.copy_(ordered.view(second_moment.sizes()));
  }
}

nn::NamedTensors GradientBasis::state() const {
  nn::NamedTensors out;
  for (const auto& r : rotated_) {
    for (const auto& [side, name] : {std::pair{&r.left, "left"}, std::pair{&r.right, "right"}}) {
      if (!side->covariance.defined()) continue;
      out.emplace_back("covariance_" + std::string(name) + "/" + r.name, side->covariance);
      out.emplace_back("basis_" + std::string(name) + "/" + r.name, side->vectors);
    }
  }
  return out;
}

int64_t GradientBasis::value_count(const torch::nn::Module& net) {
  int64_t out = 0;
  for (const auto& weight : net.parameters()) {
    out += 2 * weight.numel();
    if (!is_matrix(weight)) continue;
    for (const int64_t side : {weight.size(0), weight.numel() / weight.size(0)}) {
      if (side <= kLargestSide) out += 2 * side * side;
    }
  }
  return out;
}

}  // namespace monge::solve
