// The options of a solver: the problem, the nets and the loop. Each section is a struct with its own rows. Methods and
// nets may add sections (see ot/method.h, net_registry.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/option_section.h"
#include "monge/core/options.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"
#include "monge/ot/schedule.h"
#include "monge/ot/unbalanced.h"
#include "monge/solve/net_options.h"

namespace monge::solve {

/// [train]. docs/recipes.md has unit, range and meaning of each field, from the rows that `describe` adds. Rates are
/// per update, `clip` is a norm of the gradient (0: none), `iterations`, `warmup` and `milestones` count outer
/// iterations.
struct TrainOptions {
  static constexpr const char* kSection = "train";
  static constexpr const char* kHelp = "The training loop";

  std::string init = "";  ///< trained weights to start from; empty: from the seed
  int64_t iterations = 10000, batch = 64, k_t = 10, accumulate = 1;
  std::string update = "alternating";  ///< see updates_simultaneously
  std::string directions = "forward";  ///< see trains_inverse
  std::string optimiser = "adam";      ///< see uses_soap
  double basis_decay = 0.95;
  int64_t basis_every = 10;
  double lr_map = 2e-4, lr_potential = 2e-4;
  std::vector<double> betas = {0.0, 0.9};
  double eps = 1e-8, weight_decay = 0.0;
  std::string schedule = "constant";  ///< see ot::rate_schedules
  std::vector<int64_t> milestones = {};
  double decay = 0.5;
  int64_t warmup = 0;
  double rate_floor = 0.0;
  double ema = 0.999, ema_ramp = 9.0, clip = 0.0;
  std::string precision = "fp32", device = "auto";
  bool channels_last = true, fused = true, gpu_kernels = true, eval_map_in_potential_step = false;
  bool recompute = false, tf32 = true, cudnn_benchmark = true, deterministic = false;
  std::string graph = "auto";
  int64_t seed = 0, threads = 0;
  std::string on_divergence = "rollback";  ///< see train::DivergenceWatch
  int64_t rollbacks = 3;

  void describe(OptionRows& rows);
  /// @throws InputError unless there are two betas, at most as many pieces as inputs, and k_t = 1 with a simultaneous
  ///         update.
  void check() const;

  /// Whether an iteration updates map and potential once, from the same batch and with the nets as they were before.
  bool updates_simultaneously() const { return update == "simultaneous"; }
  /// Whether the reversed problem is trained too, whose map is the inverse.
  bool trains_inverse() const { return directions == "both"; }
  /// Whether Adam runs in the eigenbases of the gradients' covariances, see GradientBasis.
  bool uses_soap() const { return optimiser == "soap"; }

  /// The schedule of both learning rates.
  ot::RateSchedule rates() const;
};

/// [parallel]
struct ParallelOptions {
  static constexpr const char* kSection = "parallel";
  static constexpr const char* kHelp = "Jobs of several ranks (docs/cluster.md)";

  bool sync_batch_norm = false;
  int64_t bucket_mb = 25;  ///< MiB of gradients that are summed together
  double timeout = 600;    ///< seconds after which a rank that stays behind counts as hanging

  void describe(OptionRows& rows);
};

/// All options that a solver and its nets are made from. A copy has its own sections.
struct SolverOptions {
  std::string method = "strong";  ///< a name of ot::methods
  ot::CostOptions cost;
  ot::UnbalancedOptions unbalanced;
  OptionSections methods = ot::method_sections();
  MapOptions map;
  PotentialOptions potential;
  OptionSections nets;
  TrainOptions train;
  ParallelOptions parallel;

  SolverOptions();

  /// The section of a method or a net, as in `section<ot::WeakOptions>().z`. @throws InputError if there is none.
  template <class Options>
  Options& section() {
    auto* options = nets.find<Options>();
    return options ? *options : methods.get<Options>();
  }
  template <class Options>
  const Options& section() const {
    return const_cast<SolverOptions*>(this)->section<Options>();
  }

  /// The table bound to this object's fields; this object must outlive it.
  OptionTable options();

 protected:
  /// The parts of that table: the row at the top of the file, and the sections.
  void describe_top(OptionRows& rows);
  void describe_sections(OptionTable& table);
};

/// Applies "section.key=value" lines and checks no section; see `validate`. @throws InputError as OptionTable::assign.
void assign(SolverOptions& options, const std::vector<std::string>& assignments);

/// Checks the options that depend on one another, section by section. @throws InputError naming the keys.
void validate(const SolverOptions& options);

/// The method that the options name, for items of `dim` entries (1 is enough for its schedules and advice, which do not
/// depend on it). Checks nothing but names, see ot::Method::check.
std::unique_ptr<ot::Method> make_method(const SolverOptions& options, int64_t dim = 1);

/// Replaces potential.r1 = "auto" for items of this shape: for images by 0.003 / tau, in every fourth iteration, else
/// by 0.
///
/// For the squared cost an optimal potential has |grad f| = 2 tau |x - T(x)|. There the penalty r1/2 E |grad f|^2 is
/// 2 tau r1 times the cost, 0.6 % of it for this weight: too little to change the map, and enough to hold a potential
/// whose slope has grown tenfold. r1_every is set to 4, too. The solver takes "auto" as 0.
/// @return a line that reports the weight; empty if nothing was replaced by more than 0.
std::string resolve_penalty(SolverOptions& options, const std::vector<int64_t>& item_shape);

/// The weight of R1 that held potentials which had run away, 0.01 / tau in every second iteration; for messages.
double advised_r1(double tau);

/// Keeps the method's schedules as they were with `iterations_before` iterations, for a resumed run of another length
/// (see ot::Method::keep_schedules).
void keep_annealing(SolverOptions& options, int64_t iterations_before);

}  // namespace monge::solve
