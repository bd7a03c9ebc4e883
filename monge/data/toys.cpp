#include "monge/data/toys.h"

#include <functional>
#include <numbers>

#include "monge/core/random.h"
#include "monge/core/registry.h"
#include "monge/data/endless.h"
#include "monge/data/entropic_mixture.h"
#include "monge/data/spec.h"

namespace monge::data {
namespace {

using Draw = std::function<torch::Tensor(int64_t n, const torch::Generator& generator)>;

/// A law given by one function.
class LawSource : public Source {
 public:
  LawSource(std::string name, int64_t dim, Draw draw) : name_(std::move(name)), dim_(dim), draw_(std::move(draw)) {}

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return {dim_}; }
  int64_t size() const override { return 0; }
  torch::Tensor stored_items(const std::vector<int64_t>&) const override { refuse_items(name_); }
  torch::Tensor draw(int64_t n, torch::Generator generator) const override {
    require(n >= 0, name_, ": cannot draw ", n, " items");
    return draw_(n, generator);
  }

 private:
  std::string name_;
  int64_t dim_;
  Draw draw_;
};

constexpr double kMostParameter = 1e6;  // keeps squares of coordinates well inside float32
constexpr int64_t kMostDim = 1 << 20;

torch::Tensor uniform(int64_t n, double low, double high, const torch::Generator& generator) {
  return torch::rand({n}, generator) * (high - low) + low;
}

torch::Tensor noise_N2(int64_t n, double std, const torch::Generator& generator) {
  return torch::randn({n, 2}, generator) * std;
}

torch::Tensor plane(const torch::Tensor& x, const torch::Tensor& y) { return torch::stack({x, y}, 1); }

using Factory = std::shared_ptr<const Source> (*)(Spec& spec);

/// A law in the plane. The caller reads the law's own parameters before.
std::shared_ptr<const Source> in_plane(Spec& spec, Draw draw) {
  spec.integer("dim", 2, 2, 2);
  spec.refuse_unknown();
  return std::make_shared<LawSource>(spec.line(), 2, std::move(draw));
}

std::shared_ptr<const Source> gaussian(Spec& spec) {
  const bool correlated = spec.has("cov_seed");
  const int64_t dim = spec.integer("dim", 2, 1, correlated ? 4096 : kMostDim);
  const double mean = spec.number("mean", 0, -kMostParameter, kMostParameter),
               scale = spec.number("std", 1, 0, kMostParameter);
  const int64_t seed = spec.integer("cov_seed", 0, 0, std::numeric_limits<int64_t>::max());
  spec.refuse_unknown();
  if (correlated) {
    return std::make_shared<GaussianSource>(
        GaussianSource::random(spec.line(), dim, mean, scale, static_cast<uint64_t>(seed)));
  }
  if (dim > 4096) {  // a covariance matrix would not fit in memory
    return std::make_shared<LawSource>(spec.line(), dim, [=](int64_t n, const torch::Generator& generator) {
      return torch::randn({n, dim}, generator) * scale + mean;
    });
  }
  const auto identity = torch::eye(dim, torch::kFloat64);
  return std::make_shared<GaussianSource>(spec.line(), torch::full({dim}, mean, torch::kFloat64), identity * scale);
}

std::shared_ptr<const Source> entropic_mixture(Spec& spec) {
  const int64_t dim = spec.integer("dim", 2, 1, 4096);
  const double epsilon = spec.number("epsilon", 1, 1e-3, 1e3);
  spec.refuse_unknown();
  return std::make_shared<EntropicMixture>(spec.line(), dim, epsilon);
}

std::shared_ptr<const Source> uniform_cube(Spec& spec) {
  const int64_t dim = spec.integer("dim", 2, 1, kMostDim);
  const double half = spec.number("half", 1, 0, kMostParameter);
  spec.refuse_unknown();
  return std::make_shared<LawSource>(spec.line(), dim, [=](int64_t n, const torch::Generator& generator) {
    return (torch::rand({n, dim}, generator) * 2 - 1) * half;
  });
}

std::shared_ptr<const Source> mixture8(Spec& spec) {
  const double radius = spec.number("radius", 2, 0, kMostParameter), std = spec.number("std", 0.1, 0, kMostParameter);
  return in_plane(spec, [=](int64_t n, const torch::Generator& generator) {
    const auto angle = torch::randint(8, {n}, generator, torch::kFloat32) * (std::numbers::pi / 4);
    return plane(angle.cos(), angle.sin()) * radius + noise_N2(n, std, generator);
  });
}

std::shared_ptr<const Source> swiss_roll(Spec& spec) {
  const double scale = spec.number("scale", 1, 0, kMostParameter),
               noise = spec.number("noise", 0.05, 0, kMostParameter);
  return in_plane(spec, [=](int64_t n, const torch::Generator& generator) {
    constexpr double inner = 1.5 * std::numbers::pi, outer = 4.5 * std::numbers::pi;
    const auto t = uniform(n, inner, outer, generator);
    return plane(t * t.cos(), t * t.sin()) * (scale / outer) + noise_N2(n, noise, generator);
  });
}

std::shared_ptr<const Source> moons(Spec& spec) {
  const double noise = spec.number("noise", 0.05, 0, kMostParameter);
  return in_plane(spec, [=](int64_t n, const torch::Generator& generator) {
    const auto t = uniform(n, 0, std::numbers::pi, generator);
    const auto upper = torch::randint(2, {n}, generator, torch::kFloat32);
    const auto x = upper * t.cos() + (1 - upper) * (1 - t.cos());
    const auto y = upper * t.sin() + (1 - upper) * (0.5 - t.sin());
    return plane(x - 0.5, y - 0.25) + noise_N2(n, noise, generator);
  });
}

std::shared_ptr<const Source> segments(Spec& spec) {
  const int64_t count = spec.integer("count", 2, 1, 1000);
  const double gap = spec.number("gap", 2, 0, kMostParameter), length = spec.number("length", 2, 0, kMostParameter);
  return in_plane(spec, [=](int64_t n, const torch::Generator& generator) {
    const auto x = uniform(n, -length / 2, length / 2, generator);
    const auto which = torch::randint(count, {n}, generator, torch::kFloat32);
    return plane(x, (which - static_cast<double>(count - 1) / 2) * gap);
  });
}

/// For the pairs on a flat set: makes draws of Q from draws of P = U([-1, 1]^(D/2)) x {0}.
using Target = std::function<torch::Tensor(const torch::Tensor& p_ND, const torch::Generator& generator)>;

std::shared_ptr<const Source> on_half_the_axes(Spec& spec, int64_t dim, const Target& target) {
  const bool source_side = spec.choice("side", Side::source, side_names()) == Side::source;
  spec.refuse_unknown();
  return std::make_shared<LawSource>(spec.line(), dim, [=](int64_t n, const torch::Generator& generator) {
    const auto flat = torch::rand({n, dim / 2}, generator) * 2 - 1;
    const auto p_ND = torch::cat({flat, torch::zeros({n, dim - dim / 2})}, 1);
    return source_side ? p_ND : target(p_ND, generator);
  });
}

std::shared_ptr<const Source> perpendicular(Spec& spec) {
  const int64_t dim = spec.even("dim", 2, 2, kMostDim);
  return on_half_the_axes(spec, dim,
                          [=](const torch::Tensor& p_ND, const torch::Generator&) { return p_ND.roll(dim / 2, 1); });
}

torch::Tensor moved_along_the_last_axis(const torch::Tensor& p_ND, const torch::Tensor& shift) {
  auto out = p_ND.clone();
  out.select(1, -1) += shift;
  return out;
}

std::shared_ptr<const Source> one_to_many(Spec& spec) {
  const int64_t dim = spec.even("dim", 2, 2, kMostDim);
  return on_half_the_axes(spec, dim, [](const torch::Tensor& p_ND, const torch::Generator& generator) {
    const auto sign = torch::randint(2, {p_ND.size(0)}, generator, torch::kFloat32) * 2 - 1;
    return moved_along_the_last_axis(p_ND, sign);
  });
}

std::shared_ptr<const Source> parallel(Spec& spec) {
  const int64_t dim = spec.even("dim", 2, 2, kMostDim);
  return on_half_the_axes(spec, dim, [](const torch::Tensor& p_ND, const torch::Generator&) {
    return moved_along_the_last_axis(p_ND, torch::ones({}));
  });
}

std::shared_ptr<const Source> multi_perpendicular(Spec& spec) {
  const int64_t count = spec.integer("count", 2, 1, 1000);
  const int64_t dim = spec.integer("dim", 2, 2, 2);
  return on_half_the_axes(spec, dim, [=](const torch::Tensor& p_N2, const torch::Generator& generator) {
    const auto which = torch::randint(count, {p_N2.size(0)}, generator, torch::kFloat32);
    return plane((2 * which + 1) / static_cast<double>(count) - 1, p_N2.select(1, 0));
  });
}

const Registry<Factory>& toys() {
  static const Registry<Factory> registry("toy law", {{"entropic_mixture", entropic_mixture},
                                                      {"gaussian", gaussian},
                                                      {"mixture8", mixture8},
                                                      {"moons", moons},
                                                      {"multi_perpendicular", multi_perpendicular},
                                                      {"one_to_many", one_to_many},
                                                      {"parallel", parallel},
                                                      {"perpendicular", perpendicular},
                                                      {"segments", segments},
                                                      {"swiss_roll", swiss_roll},
                                                      {"uniform", uniform_cube}});
  return registry;
}

}  // namespace

GaussianSource::GaussianSource(std::string name, torch::Tensor mean_D, torch::Tensor factor_DD)
    : name_(std::move(name)), mean_(mean_D.to(torch::kFloat64)), factor_(factor_DD.to(torch::kFloat64)) {
  require(
      mean_.dim() == 1 && mean_.size(0) >= 1 && factor_.sizes() == torch::IntArrayRef({mean_.size(0), mean_.size(0)}),
      name_, ": a mean [D] and a factor [D, D] are needed, got ", mean_.sizes(), " and ", factor_.sizes());
  factor_float_ = factor_.t().to(torch::kFloat32).contiguous();
}

GaussianSource GaussianSource::random(std::string name, int64_t dim, double mean, double scale, uint64_t seed) {
  const auto random_DD = torch::randn({dim, dim}, RandomStreams(seed).at("toy/covariance", 0), torch::kFloat64);
  const auto factor = torch::eye(dim, torch::kFloat64) + 0.3 / std::sqrt(static_cast<double>(dim)) * random_DD;
  return {std::move(name), torch::full({dim}, mean, torch::kFloat64), factor * scale};
}

torch::Tensor GaussianSource::stored_items(const std::vector<int64_t>&) const { refuse_items(name_); }

torch::Tensor GaussianSource::draw(int64_t n, torch::Generator generator) const {
  require(n >= 0, name_, ": cannot draw ", n, " items");
  return torch::randn({n, mean_.size(0)}, generator).matmul(factor_float_) + mean_.to(torch::kFloat32);
}

std::shared_ptr<const Source> open_toy(const std::string& line) {
  Spec spec(line);
  require(Spec::is("toy", line), line, ": a toy law is written toy:NAME?key=value");
  return toys().at(spec.name())(spec);
}

SourceKind toy_kind() {
  return {.name = "toy law",
          .prefix = "toy",
          .help = "toy:NAME?dim=2",
          .accepted = "toy:NAME",
          .place = 110,
          .open = [](const SourceOptions& options, const LogSink&, const ProgressCallback&) {
            return open_toy(options.path);
          }};
}

std::vector<std::string> toy_names() { return toys().names(); }

}  // namespace monge::data
