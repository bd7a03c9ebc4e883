#include "monge/solve/options.h"

#include <c10/util/accumulate.h>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/user_words.h"
#include "monge/solve/net_registry.h"

namespace monge::solve {
namespace {

// By trial, see docs/image-quality.md; over tau.
constexpr double kAutomaticR1 = 0.003;
constexpr double kAdvisedR1 = 0.01;
constexpr int64_t kAutomaticR1Every = 4;

/// @throws InputError unless the losses of the options can take the conjugates.
void check_unbalanced(const SolverOptions& options, const ot::Method& method) {
  const auto& u = options.unbalanced;
  u.check();
  if (!u.marginals().relaxed()) return;
  const std::string key = u.source != "none" ? "unbalanced.source" : "unbalanced.target";
  const auto refuse = [&](const std::string& what, const std::string& with, const std::string& allowed) {
    throw InputError({.what = what,
                      .where = key,
                      .value = text('"', u.source != "none" ? u.source : u.target, "\" with ", with),
                      .allowed = allowed,
                      .fix = "set that, or leave [unbalanced] out"});
  };
  if (method.cost_kind() != ot::CostKind::squared || method.conditional() || method.has_closed_form() ||
      method.hides_smoothing()) {
    refuse("unbalanced transport takes the cost of each output by itself", "method = \"" + options.method + '"',
           "strong; otp with otp.cost = \"strong\" and otp.input = \"smoothed\"");
  }
  if (options.potential.augment != "none") {
    refuse("the conjugates are not linear, so the mean over changed samples is another problem",
           "potential.augment = \"" + options.potential.augment + '"', "potential.augment = \"none\"");
  }
  const bool convex =
      options.potential.net == "icnn" ||
      (options.map.net == "gradient" && options.train.trains_inverse() && options.map.gradient_of == "icnn");
  if (convex) {
    refuse("the value of the potential decides the weights, and an icnn has no free constant", "an icnn",
           "potential.net = \"mlp\", map.gradient_of = \"mlp\"");
  }
}

}  // namespace

SolverOptions::SolverOptions() : nets(net_sections()) {}

void SolverOptions::describe_top(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("method", method, "optimal transport problem to solve").choices(ot::method_names());
}

void SolverOptions::describe_sections(OptionTable& table) {
  describe(table, cost);
  describe(table, unbalanced);
  methods.describe(table);
  describe(table, map);
  describe(table, potential);
  nets.describe(table);
  describe(table, train);
  describe(table, parallel);
}

OptionTable SolverOptions::options() {
  OptionTable table;
  OptionRows top("");
  describe_top(top);
  table.add_section("", "The problem", top.take());
  describe_sections(table);
  return table;
}

void assign(SolverOptions& options, const std::vector<std::string>& assignments) {
  const auto table = options.options();
  for (const auto& assignment : assignments) table.assign(assignment, user_word("assignment"));
}

void validate(const SolverOptions& options) {
  const auto method = make_method(options);
  method->check();
  if (method->has_closed_form() && options.train.k_t != 1) {
    throw InputError({.what = "the method " + options.method + " trains no map, so an iteration has one update",
                      .where = "train.k_t",
                      .value = std::to_string(options.train.k_t),
                      .allowed = "1",
                      .fix = "set train.k_t = 1"});
  }
  const bool gradient = options.map.net == "gradient";
  if (options.potential.weight != 1 && !(gradient && options.train.updates_simultaneously())) {
    throw InputError({.what = "only a simultaneous update of gradient maps weighs the potential's loss",
                      .where = "potential.weight",
                      .value = number(options.potential.weight),
                      .allowed = "1",
                      .fix = "leave it out, or set map.net = \"gradient\" and train.update = \"simultaneous\""});
  }
  if (!gradient && (options.map.quadratic || options.map.gradient_of != "mlp")) {
    throw InputError({.what = "an option of gradient maps alone",
                      .where = options.map.quadratic ? "map.quadratic" : "map.gradient_of",
                      .value = options.map.quadratic ? "true" : '"' + options.map.gradient_of + '"',
                      .fix = "leave it out, or set map.net = \"gradient\""});
  }
  check_unbalanced(options, *method);
  options.train.check();
  options.cost.check();
  options.methods.check();
  options.nets.check();
}

std::unique_ptr<ot::Method> make_method(const SolverOptions& options, int64_t dim) {
  return ot::make_method(options.method, {.tau = ot::cost_scale(options.cost.scale, dim),
                                          .entries = dim,
                                          .iterations = options.train.iterations,
                                          .sections = options.methods});
}

std::string resolve_penalty(SolverOptions& options, const std::vector<int64_t>& item_shape) {
  auto& potential = options.potential;
  if (!potential.r1.automatic()) return {};
  potential.r1 = 0.0;
  if (item_shape.size() != 3) return {};
  const double tau = ot::cost_scale(options.cost.scale, c10::multiply_integers(item_shape));
  potential.r1 = kAutomaticR1 / tau;
  potential.r1_every = kAutomaticR1Every;
  return text("potential.r1 = ", number(kAutomaticR1 / tau), ", r1_every = ", kAutomaticR1Every,
              ": chosen for images with tau ", number(tau), "; 0 switches it off");
}

double advised_r1(double tau) { return kAdvisedR1 / tau; }

void keep_annealing(SolverOptions& options, int64_t iterations_before) {
  make_method(options)->keep_schedules(options.methods, iterations_before, options.train.iterations);
}

}  // namespace monge::solve
