#include "monge/data/w2_benchmark.h"

#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/endless.h"
#include "monge/data/spec.h"
#include "monge/io/safetensors.h"
#include "monge/io/tensor_file.h"

namespace monge::data {
namespace {

/// Reads tensors of the file and checks each.
class Reader {
 public:
  Reader(const std::filesystem::path& path, const Files& files)
      : where_(path.string()), file_(io::read_safetensors(path, files)) {}

  /// @param shape  -1 stands for any size of 1 or more.
  torch::Tensor get(const std::string& name, const std::vector<int64_t>& shape) const {
    const auto* found = file_.find(name);
    if (!found) complain("a tensor of the benchmark is missing", name, "", text("floats of shape ", shown(shape)));
    bool fits = found->dim() == static_cast<int64_t>(shape.size()) && found->is_floating_point();
    for (size_t k = 0; fits && k < shape.size(); ++k) {
      const int64_t size = found->size(static_cast<int64_t>(k));
      fits = shape[k] < 0 ? size >= 1 : size == shape[k];
    }
    if (!fits) {
      complain("a tensor of the benchmark has another shape or type", name,
               text(io::type_name(found->scalar_type()), " ", found->sizes()), text("floats of shape ", shown(shape)));
    }
    if (!torch::isfinite(*found).all().item<bool>()) {
      complain("a tensor of the benchmark has entries that are not finite", name, "", "");
    }
    return *found;
  }

  double number(const std::string& name) const { return get(name, {1}).item<double>(); }
  const std::string& where() const { return where_; }

 private:
  static std::string shown(const std::vector<int64_t>& shape) {
    std::string out;
    for (const auto size : shape) out += (out.empty() ? "[" : ", ") + (size < 0 ? std::string("any") : text(size));
    return out + "]";
  }

  [[noreturn]] void complain(const char* what, const std::string& name, const std::string& value,
                             const std::string& allowed) const {
    throw InputError({.what = what,
                      .where = where_ + ": " + name,
                      .value = value,
                      .allowed = allowed,
                      .fix = "the names and shapes are listed in monge/data/w2_benchmark.h"});
  }

  std::string where_;
  io::TensorFile file_;
};

/// The derivative of celu.
torch::Tensor celu_slope(const torch::Tensor& a) { return a.clamp_max(0).exp(); }

class W2Source : public Source {
 public:
  W2Source(std::shared_ptr<const W2Benchmark> pair, Side side, std::string name)
      : pair_(std::move(pair)), side_(side), name_(std::move(name)) {}

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return {pair_->dim()}; }
  int64_t size() const override { return 0; }
  torch::Tensor stored_items(const std::vector<int64_t>&) const override { refuse_items(name_); }
  torch::Tensor draw(int64_t n, torch::Generator generator) const override {
    require(n >= 0, name_, ": cannot draw ", n, " items");
    const auto x_ND = pair_->draw(n, std::move(generator));
    return side_ == Side::source ? x_ND : pair_->map(x_ND);
  }

 private:
  std::shared_ptr<const W2Benchmark> pair_;
  Side side_;
  std::string name_;
};

}  // namespace

W2Benchmark::Potential W2Benchmark::Potential::to(const torch::Tensor& like) const {
  const auto moved = [&](const torch::Tensor& t) { return t.to(like.device(), like.scalar_type()); };
  return {.A = {moved(A[0]), moved(A[1]), moved(A[2])},
          .W = {moved(W[0]), moved(W[1]), moved(W[2])},
          .b = {moved(b[0]), moved(b[1]), moved(b[2])},
          .C = {moved(C[0]), moved(C[1])},
          .w = moved(w)};
}

torch::Tensor W2Benchmark::Potential::quadratic(const torch::Tensor& x_ND, size_t k) const {
  return torch::matmul(x_ND, A[k]).square() + torch::matmul(x_ND, W[k].t()) + b[k];
}

torch::Tensor W2Benchmark::Potential::quadratic_gradient(const torch::Tensor& x_ND, const torch::Tensor& u_NH,
                                                         size_t k) const {
  return 2 * torch::matmul(torch::matmul(x_ND, A[k]) * u_NH, A[k].t()) + torch::matmul(u_NH, W[k]);
}

torch::Tensor W2Benchmark::Potential::value(const torch::Tensor& x_ND) const {
  auto h = quadratic(x_ND, 0);  // no celu here, as in the original code
  for (size_t k = 1; k < 3; ++k) h = torch::celu(torch::matmul(h, C[k - 1].t()) + quadratic(x_ND, k));
  return torch::matmul(h, w) + 0.005 * x_ND.square().sum(1);
}

torch::Tensor W2Benchmark::Potential::gradient(const torch::Tensor& x_ND) const {
  const auto a1 = torch::matmul(quadratic(x_ND, 0), C[0].t()) + quadratic(x_ND, 1);
  const auto a2 = torch::matmul(torch::celu(a1), C[1].t()) + quadratic(x_ND, 2);
  const auto u2 = w * celu_slope(a2);
  const auto u1 = torch::matmul(u2, C[1]) * celu_slope(a1);
  const auto u0 = torch::matmul(u1, C[0]);
  return quadratic_gradient(x_ND, u0, 0) + quadratic_gradient(x_ND, u1, 1) + quadratic_gradient(x_ND, u2, 2) +
         0.01 * x_ND;
}

std::shared_ptr<const W2Benchmark> W2Benchmark::load(const std::filesystem::path& path, const Files& files) {
  const Reader file(path, files);
  std::shared_ptr<W2Benchmark> out(new W2Benchmark);
  out->name_ = file.where();
  out->shift_ = file.get("shift", {-1});
  const int64_t D = out->dim();
  out->centres_ = file.get("centers", {3, D}).to(torch::kFloat32);
  out->maps_ = file.get("maps", {3, D, D}).to(torch::kFloat32);
  out->linear_weight_ = file.get("linear/weight", {D, D});
  out->linear_bias_ = file.get("linear/bias", {D});
  out->std_ = file.number("std");
  out->scale_ = file.number("scale");
  out->out_var_ = file.number("out_var");
  for (const auto& [tensor, value] : {std::pair{"scale", out->scale_}, {"out_var", out->out_var_}}) {
    require(value > 0, file.where(), ": the tensor \"", tensor, "\" is ", value, " (allowed: above 0)");
  }
  for (size_t p = 0; p < 2; ++p) {
    const std::string prefix = text("v", p + 1, "/");
    auto& psi = out->potentials_[p];
    std::array<int64_t, 3> h{};
    for (size_t k = 0; k < 3; ++k) {
      const std::string layer = text(prefix, "quadratic_layers.", k, ".");
      psi.b[k] = file.get(layer + "bias", {-1});
      h[k] = psi.b[k].size(0);
      psi.A[k] = file.get(layer + "quadratic_decomposed", {D, 1, h[k]}).squeeze(1);
      psi.W[k] = file.get(layer + "weight", {h[k], D});
    }
    psi.C[0] = file.get(prefix + "convex_layers.0.weight", {h[1], h[0]});
    psi.C[1] = file.get(prefix + "convex_layers.1.weight", {h[2], h[1]});
    psi.w = file.get(prefix + "final_layer.weight", {1, h[2]}).squeeze(0);
  }
  return out;
}

void W2Benchmark::check(const torch::Tensor& x_ND) const {
  const bool fits = x_ND.dim() == 2 && x_ND.size(1) == dim();
  const bool type = x_ND.scalar_type() == torch::kFloat32 || x_ND.scalar_type() == torch::kFloat64;
  require(fits && type, name_, ": the points must be float32 or float64 [N, ", dim(), "]; got ",
          io::type_name(x_ND.scalar_type()), " ", x_ND.sizes());
}

torch::Tensor W2Benchmark::map(const torch::Tensor& x_ND) const {
  check(x_ND);
  const auto sum = potentials_[0].to(x_ND).gradient(x_ND) + potentials_[1].to(x_ND).gradient(x_ND);
  return (sum + shift_.to(x_ND.device(), x_ND.scalar_type())) * scale_;
}

torch::Tensor W2Benchmark::potentials(const torch::Tensor& x_ND) const {
  check(x_ND);
  return torch::stack({potentials_[0].to(x_ND).value(x_ND), potentials_[1].to(x_ND).value(x_ND)});
}

torch::Tensor W2Benchmark::linear(const torch::Tensor& x_ND) const {
  check(x_ND);
  const auto wide = x_ND.to(torch::kFloat64);
  const auto weight = linear_weight_.to(x_ND.device(), torch::kFloat64);
  return (torch::matmul(wide, weight.t()) + linear_bias_.to(x_ND.device(), torch::kFloat64)).to(x_ND.scalar_type());
}

torch::Tensor W2Benchmark::draw(int64_t n, torch::Generator generator) const {
  const auto which_N = torch::randint(3, {n}, generator, torch::kInt64);
  const auto z_ND = torch::randn({n, dim()}, generator);
  // Applies all three maps to all points: three times the products, but no matrix per point.
  const auto moved_3ND = torch::matmul(z_ND, maps_.transpose(1, 2)) * std_ + centres_.unsqueeze(1);
  return moved_3ND.gather(0, which_N.view({1, n, 1}).expand({1, n, dim()})).squeeze(0);
}

std::shared_ptr<const Source> w2_benchmark_source(std::shared_ptr<const W2Benchmark> pair, Side side,
                                                  std::string name) {
  return std::make_shared<W2Source>(std::move(pair), side, std::move(name));
}

std::shared_ptr<const Source> open_w2_benchmark(const std::string& line) {
  Spec spec(line);
  const auto side = spec.choice("side", Side::source, side_names());
  spec.refuse_unknown();
  require(!spec.name().empty(), line, ": names no file; the form is w2bench:FILE.safetensors?side=source|target");
  return w2_benchmark_source(W2Benchmark::load(spec.name()), side, line);
}

SourceKind w2_benchmark_kind() {
  return {.name = "Wasserstein-2 benchmark pair",
          .prefix = "w2bench",
          .help = "w2bench:FILE?side=source",
          .accepted = "w2bench:FILE.safetensors",
          .place = 130,
          .open = [](const SourceOptions& options, const LogSink&, const ProgressCallback&) {
            return open_w2_benchmark(options.path);
          }};
}

}  // namespace monge::data
