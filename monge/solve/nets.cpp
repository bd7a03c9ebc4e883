#include "monge/solve/nets.h"

#include <c10/util/accumulate.h>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"
#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/nn/seeded.h"
#include "monge/ot/light.h"
#include "monge/solve/map_nets.h"
#include "monge/solve/net_registry.h"
#include "monge/solve/precision.h"
#include "monge/solve/shape_text.h"

namespace monge::solve {
namespace {

/// Throws an error that names the difference between the items of the two sides and its fix.
[[noreturn]] void refuse_shapes(const std::vector<int64_t>& source, const std::vector<int64_t>& target) {
  Complaint complaint{
      .what = "source and target must have items of the same shape, because the cost compares x with T(x)",
      .where = "source.path, target.path",
      .value = shape_text(source) + " and " + shape_text(target)};
  if (source.size() != target.size()) {
    complaint.fix = "give images on both sides, or vectors on both";
  } else if (source.size() == 1) {
    complaint.fix = "give both tables the same number of columns";
  } else if (source[0] != target[0]) {
    const bool grey_source = source[0] < target[0];
    complaint.what =
        text("the ", grey_source ? "source" : "target", " is grey (1 channel) and the ",
             grey_source ? "target" : "source", " has colour (3 channels), and the cost compares x with T(x)");
    complaint.fix = text("repeat the grey of an array in three channels (numpy.repeat(x, 3, 1)); for files set ",
                         grey_source ? "source" : "target", ".colour = \"rgb\", or ", grey_source ? "target" : "source",
                         ".colour = \"grey\" to train on grey alone");
  } else {
    complaint.fix = "give both the same size (source.size, target.size); arrays keep their own size";
  }
  throw InputError(complaint);
}

/// The row of `chosen`; for "auto", that of the first net for the kind of data.
/// @param key  the option, for the message.
template <class Net>
const NetEntry<Net>& choose(const Registry<NetEntry<Net>>& nets, const std::string& key, const std::string& chosen,
                            DataKind data) {
  std::vector<std::string> fitting;
  for (const auto& name : nets.ordered()) {
    if (nets.at(name).data == data) fitting.push_back(name);
  }
  const auto& entry = nets.at(chosen == "auto" && !fitting.empty() ? fitting.front() : chosen);
  if (entry.data != data) {
    throw InputError(
        {.what = text("the net does not fit the data, which are ", data == DataKind::images ? "images" : "vectors"),
         .where = key,
         .value = '"' + chosen + '"',
         .allowed = join(fitting),
         .fix = "leave it at \"auto\""});
  }
  return entry;
}

DataKind kind_of(const std::vector<int64_t>& shape) { return shape.size() == 3 ? DataKind::images : DataKind::vectors; }

const NetEntry<nn::MapNet>& map_entry(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  return choose(map_nets(), "map.net", options.map.net, kind_of(item_shape));
}

NetContext map_context(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  const auto noise = make_method(options, c10::multiply_integers(item_shape))->noise();
  return {.item_shape = item_shape, .noise_channels = noise.channels, .noise_vector = noise.vector, .options = options};
}

/// Whether the plan is a closed form of the potential. @throws InputError for options that would choose other nets.
bool is_closed_form(const SolverOptions& options) {
  if (!make_method(options)->has_closed_form()) return false;
  for (const auto& [key, net] : {std::pair{"map.net", &options.map.net}, {"potential.net", &options.potential.net}}) {
    if (*net == "auto") continue;
    throw InputError({.what = "the method " + options.method + " has a network of its own",
                      .where = key,
                      .value = '"' + *net + '"',
                      .fix = "leave it out"});
  }
  if (options.train.trains_inverse()) {
    throw InputError({.what = "the method " + options.method + " learns the plan from source to target alone",
                      .where = "train.directions",
                      .value = "\"both\"",
                      .allowed = "\"forward\"",
                      .fix = "exchange source and target for the way back"});
  }
  return true;
}

std::shared_ptr<nn::GaussianPlanPotential> plan_potential(const SolverOptions& options, int64_t dim) {
  const auto& light = options.section<ot::LightOptions>();
  // The plan's own unit is that of the cost 1/2 ||x - y||^2.
  const double epsilon = light.epsilon / (2 * ot::cost_scale(options.cost.scale, dim));
  return std::make_shared<nn::GaussianPlanPotential>(
      nn::GaussianPlanOptions{.dim = dim, .components = light.components, .epsilon = epsilon});
}

/// @throws InputError unless the potential can make the inverse of a gradient map.
void require_gradient(const SolverOptions& options, const nn::PotentialNet& potential) {
  if (!potential.has_gradient()) {
    throw InputError(
        {.what = "the inverse of a gradient map is the gradient map of the potential, and this one has none",
         .where = "train.directions",
         .value =
             text("\"both\" with method = \"", options.method, "\", potential.net = \"", options.potential.net, "\""),
         .allowed = "an mlp or an icnn without a noise level",
         .fix = "set train.directions = \"forward\", or map.net = \"mlp\""});
  }
  if (options.potential.net != "icnn") check_activation("potential.activation", options.potential.activation);
}

/// @throws InputError for an arithmetic that only the fused passes of vectors have.
void check_products(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  if (products_of(options.train.precision) == nn::gemm::ProductPrecision::fp32) return;
  if (item_shape.size() == 1 && options.train.fused) return;
  throw InputError(
      {.what = "only the fused passes of networks for vectors multiply in sums of products of bfloat16",
       .where = "train.precision",
       .value = '"' + options.train.precision + '"',
       .allowed = item_shape.size() == 1 ? "with train.fused = true" : "auto, fp32, bf16, fp16, fp64 for images",
       .fix = "set train.precision = \"fp32\""});
}

nn::SeededInitialisation seeded_by(const SolverOptions& options, const char* purpose) {
  return nn::SeededInitialisation(stream_seed(static_cast<uint64_t>(options.train.seed), purpose, 0));
}

}  // namespace

std::shared_ptr<nn::MapNet> make_map(const SolverOptions& options, const std::vector<int64_t>& source_shape,
                                     const std::vector<int64_t>& target_shape) {
  if (source_shape != target_shape) refuse_shapes(source_shape, target_shape);
  check_products(options, source_shape);
  const auto seeded = seeded_by(options, "init map");
  if (is_closed_form(options) && source_shape.size() == 1)
    return std::make_shared<nn::GaussianPlanMap>(plan_potential(options, source_shape[0]));
  return map_entry(options, source_shape).make(map_context(options, source_shape));
}

double least_map_values(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  if (is_closed_form(options)) {
    return static_cast<double>(options.section<ot::LightOptions>().components) *
           static_cast<double>(2 * item_shape.at(0) + 1);
  }
  const auto& entry = map_entry(options, item_shape);
  return entry.least_values ? entry.least_values(map_context(options, item_shape)) : 0;
}

std::optional<nn::ImageSizes> map_image_sizes(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  const auto& entry = map_entry(options, item_shape);
  if (!entry.image_sizes) return std::nullopt;
  return entry.image_sizes(map_context(options, item_shape));
}

std::shared_ptr<nn::PotentialNet> make_potential(const SolverOptions& options,
                                                 const std::vector<int64_t>& target_shape) {
  const auto seeded = seeded_by(options, "init potential");
  return choose(potential_nets(), "potential.net", options.potential.net, kind_of(target_shape))
      .make({.item_shape = target_shape, .conditioning = make_method(options)->conditioning(), .options = options});
}

double least_potential_values(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  const auto& net = options.potential.net;
  const bool of_layers = item_shape.size() == 1 && (net == "auto" || net == "mlp" || net == "icnn");
  return of_layers ? least_vector_potential_values(options, item_shape.at(0)) : 0;
}

std::shared_ptr<nn::MapNet> make_inverse_map(const SolverOptions& options, const std::vector<int64_t>& shape) {
  if (options.map.net != "gradient") {
    const auto seeded = seeded_by(options, "init inverse map");
    return map_entry(options, shape).make(map_context(options, shape));
  }
  const auto seeded = seeded_by(options, "init potential");
  auto potential = choose(potential_nets(), "potential.net", options.potential.net, kind_of(shape))
                       .make({.item_shape = shape, .options = options});
  require_gradient(options, *potential);
  return gradient_map_of(options, std::move(potential), shape);
}

double least_inverse_values(const SolverOptions& options, const std::vector<int64_t>& shape) {
  return options.map.net == "gradient" ? least_vector_potential_values(options, shape.at(0))
                                       : least_map_values(options, shape);
}

Nets make_nets(const SolverOptions& options, const std::vector<int64_t>& source_shape,
               const std::vector<int64_t>& target_shape) {
  const bool averages = options.train.ema > 0;
  if (is_closed_form(options) && source_shape.size() == 1) {
    auto map = make_map(options, source_shape, target_shape);
    auto potential = dynamic_cast<nn::GaussianPlanMap&>(*map).potential();
    return {.map = std::move(map),
            .ema = averages ? make_map(options, source_shape, target_shape) : nullptr,
            .potential = std::move(potential)};
  }
  Nets out{.map = make_map(options, source_shape, target_shape),
           .ema = averages ? make_map(options, source_shape, target_shape) : nullptr,
           .potential = make_potential(options, target_shape)};
  if (!options.train.trains_inverse()) return out;
  if (averages) out.inverse_ema = make_inverse_map(options, target_shape);
  if (const auto* gradient = dynamic_cast<nn::GradientMap*>(out.map.get())) {
    require_gradient(options, *out.potential);
    out.inverse_map = gradient_map_of(options, out.potential, target_shape);
    out.inverse_potential = gradient->potential();
  } else {
    out.inverse_map = make_inverse_map(options, target_shape);
    const auto seeded = seeded_by(options, "init inverse potential");
    out.inverse_potential =
        choose(potential_nets(), "potential.net", options.potential.net, kind_of(source_shape))
            .make(
                {.item_shape = source_shape, .conditioning = make_method(options)->conditioning(), .options = options});
  }
  return out;
}

}  // namespace monge::solve
