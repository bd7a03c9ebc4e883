// One outer iteration of neural optimal transport: K_T updates of the map, then one of the potential.
#pragma once

#include <torch/types.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/item_draws.h"
#include "monge/core/random.h"
#include "monge/dist/process_group.h"
#include "monge/nn/module.h"
#include "monge/ot/losses.h"
#include "monge/ot/method.h"
#include "monge/ot/potential_augmentation.h"
#include "monge/ot/schedule.h"
#include "monge/solve/batch_norm_buffers.h"
#include "monge/solve/gradient_reducer.h"
#include "monge/solve/graph.h"
#include "monge/solve/iteration_schedule.h"
#include "monge/solve/iteration_streams.h"
#include "monge/solve/metric_buffer.h"
#include "monge/solve/nets.h"
#include "monge/solve/optimiser.h"
#include "monge/solve/options.h"

namespace monge::solve {

/// Batches by step, on the solver's device and in its type or float32. Each is a pure function of the step, so that a
/// resumed run sees the same data. The map updates of iteration k take the source batches k*(K_T+1) .. k*(K_T+1)+K_T-1;
/// its potential update takes the next source batch and target batch k. With both directions the target batches are
/// counted as the source's, and a potential update takes the last of both. A simultaneous update takes source batch k
/// and target batch k.
struct BatchProvider {
  std::function<torch::Tensor(int64_t step)> source, target;  ///< [B, ...item]
};

/// The random part of one update.
struct Draws {
  torch::Tensor z;                ///< [B, Z, channels, ...], already scaled; undefined for a deterministic map
  ot::Perturbation perturbation;  ///< see ot::Method::perturb; undefined for most methods
  torch::Tensor cost_input{};     ///< the x of the cost, where it is not what the map takes
  ot::PotentialAugmentation augmentation{};  ///< of what the potential takes

  /// The x of the cost for a map that takes `x`.
  const torch::Tensor& cost_input_of(const torch::Tensor& x) const { return cost_input.defined() ? cost_input : x; }
};

/// The metrics of one outer iteration, of the forward direction; those of the map are means over its map updates.
struct IterationMetrics {
  double loss_map = 0, cost = 0, potential_fake = 0, loss_potential = 0;
  double gradient_map = 0, gradient_potential = 0;  ///< gradient norms of the last updates, before clipping
  double rate_map = 0, rate_potential = 0;
  double noise_level = 0;   ///< of the smoothed source (otp)
  double augmentation = 0;  ///< strength, see ot::PotentialAugmentation
  int64_t skipped = 0;      ///< number of updates that the loss scaler skipped (fp16)
  /// Whether a rank of the job wanted to stop when the iteration was launched; the same on all ranks.
  bool stop = false;
};

/// Trains the two nets: owns their optimisers, the averaged map and the random streams, takes batches and returns
/// metrics. It uses neither files nor clocks.
///
/// In a job of several ranks each rank has a solver. It takes its part of every batch and draws its part of the noise.
/// Gradients and metrics are means over all ranks, so all ranks make the same updates. These are the updates that a
/// single rank would make with the whole batches, except for the order of sums and for statistics of batch norm (see
/// parallel.sync_batch_norm).
class Solver {
 public:
  /// @param options    validated; precision fp64 casts the nets to double.
  /// @param nets       as make_nets makes them; moved to `device`. The averaged maps are overwritten with the averages.
  /// @param dim        entries of an item (for cost.scale = "mean").
  /// @param group      must outlive this object. All ranks construct theirs together and then have the root's state.
  /// @throws InputError if the options do not fit one another or the nets.
  Solver(const SolverOptions& options, Nets nets, int64_t dim, torch::Device device,
         dist::ProcessGroup& group = dist::ProcessGroup::single());

  /// The same for the nets of one direction.
  Solver(const SolverOptions& options, std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
         std::shared_ptr<nn::PotentialNet> potential, int64_t dim, torch::Device device,
         dist::ProcessGroup& group = dist::ProcessGroup::single())
      : Solver(options, Nets{.map = std::move(map), .ema = std::move(ema), .potential = std::move(potential)}, dim,
               device, group) {}

  /// Makes K_T map updates and one potential update: launch and collect.
  IterationMetrics outer_iteration(int64_t iteration, const BatchProvider& batches);

  /// Starts an outer iteration. On a GPU the host does not wait for it, so that the next one may be launched before
  /// `collect`. With train.graph the iteration is captured after a few eager runs and then replayed (see GraphCache).
  /// @param stop  whether this rank wants to stop after this iteration; IterationMetrics::stop reports it to all ranks.
  void launch(int64_t iteration, const BatchProvider& batches, bool stop = false);

  /// Waits for the oldest iteration that was launched and not collected, and returns its metrics.
  /// @throws DivergedError naming the iteration, the update and the batch if a loss or gradient is not finite. The
  ///         optimiser has then not taken that step, and the statistics of batch norm are restored. (On a GPU later
  ///         updates may have been made, also those of later iterations if these were launched.) In a job all ranks
  ///         throw it, and it names the ranks whose own loss or gradient was not finite.
  IterationMetrics collect();

  /// Multiplies both learning rates by `rate` and gives R1 this weight in every `r1_every`-th potential update, from
  /// the next iteration on. It is not part of the state.
  void stabilise(double rate, double r1, int64_t r1_every);

  /// Drops the iterations that were launched and not collected, before an earlier state is copied in.
  void discard_launched();

  /// The number of iterations launched and not collected.
  int64_t launched() const { return metric_buffer_.in_flight(); }

  /// The number of kernels of the iteration that was replayed last as a graph; unset if none was.
  std::optional<int64_t> kernel_launches() const { return graphs_.kernels(); }

  /// Single updates, for tests and benchmarks. Losses are those before the update.
  Update map_update(const torch::Tensor& x, const Draws& draws, int64_t iteration) {
    return map_update(directions_[0], x, draws, schedule(iteration));
  }
  Update potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws, int64_t iteration) {
    return potential_update(directions_[0], x, y, draws, schedule(iteration));
  }

  /// T(x, z) as the losses take it, [B, Z, ...] in float32 (fp64: double).
  torch::Tensor transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const;

  /// The strength of an adaptive augmentation and the overfitting that it follows, [2] float64 on the CPU. It is part
  /// of the state; train::AugmentationControl changes it. Undefined unless potential.augment_strength is "auto".
  torch::Tensor augmentation_state() const { return augmentation_state_; }

  /// The potential in evaluation mode on samples with the present augmentation, [B]. Not for conditional potentials.
  /// @param y  [B, ...] on the solver's device, in its type or float32.  @param generator  on that device.
  torch::Tensor augmented_potential(const torch::Tensor& y, torch::Generator generator);

  /// Starts a plan in closed form from samples, see nn::GaussianPlanPotential::initialise. For a new training; all
  /// ranks call it and take the root's values.
  /// @param x, y  [N, D] and [M, D] on any device.  @throws InputError for another method, or too few samples.
  void initialise_plan(const torch::Tensor& x, const torch::Tensor& y);

  /// All tensors that training changes, under stable names. They share memory with this object: copy into them to load.
  NamedTensors state() const;

  /// Replaces the state of all ranks by that of the root.
  void broadcast_state();
  /// A checksum of the parameters' bits, to check that all ranks have the same parameters.
  int64_t fingerprint() const;

  nn::MapNet& map() { return *directions_[0].map; }
  /// The map that is evaluated and exported: the averaged one, or the raw one if train.ema is 0.
  std::shared_ptr<nn::MapNet> averaged_map() const { return directions_[0].used_map(); }
  /// The same of the reversed problem. @throws InputError unless train.directions = "both".
  std::shared_ptr<nn::MapNet> averaged_inverse_map() const;
  nn::PotentialNet& potential() { return *directions_[0].potential; }
  const std::shared_ptr<nn::PotentialNet>& shared_potential() const { return directions_[0].potential; }
  const ot::Method& method() const { return *method_; }
  torch::Device device() const { return device_; }
  double tau() const { return tau_; }

 private:
  /// The problem from one side to the other: its nets, and what trains them.
  struct Direction {
    std::shared_ptr<nn::MapNet> map, ema;
    std::shared_ptr<nn::PotentialNet> potential;
    Adam *adam_map = nullptr, *adam_potential = nullptr;
    GradientReducer *reducer_map = nullptr, *reducer_potential = nullptr;  ///< null if the group sends no gradients
    FlatParameters averaged = {};                                          ///< parameters of ema
    BatchNormBuffers statistics = {}, averaged_statistics = {};            ///< buffers of map and ema
    bool reversed = false;

    const std::shared_ptr<nn::MapNet>& used_map() const { return ema ? ema : map; }
  };

  /// The batches of one iteration, see BatchProvider: each side's by their place in the iteration.
  struct IterationBatches {
    std::function<torch::Tensor(int64_t place)> source, target;
  };

  IterationSchedule schedule(int64_t iteration) const;
  double augmentation_strength() const;
  int64_t first_step(int64_t iteration) const;
  void add_direction(std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
                     std::shared_ptr<nn::PotentialNet> potential);
  Adam* optimiser_of(torch::nn::Module& net, GradientReducer** reducer);
  void body(const IterationSchedule& schedule, const IterationBatches& batches);
  void launch_captured(const IterationSchedule& schedule, const IterationBatches& batches);
  bool record(const Update& update);
  bool alternating_updates(Direction& direction, const IterationBatches& batches, const IterationSchedule& schedule);
  bool simultaneous_update(Direction& direction, const IterationBatches& batches, const IterationSchedule& schedule);
  bool closed_form_update(const IterationBatches& batches, const IterationSchedule& schedule);
  void refresh_bases(int64_t iteration);
  bool takes_one_batch() const;
  bool gradient_pair_update(const IterationBatches& batches, const IterationSchedule& schedule);
  Update map_update(Direction& direction, const torch::Tensor& x, const Draws& draws,
                    const IterationSchedule& schedule);
  Update potential_update(Direction& direction, const torch::Tensor& x, const torch::Tensor& y, const Draws& draws,
                          const IterationSchedule& schedule);
  Update map_gradients(Direction& direction, const torch::Tensor& x, const Draws& draws,
                       const IterationSchedule& schedule, torch::Tensor* outputs);
  Update potential_gradients(Direction& direction, const torch::Tensor& x, const torch::Tensor& y, const Draws& draws,
                             const IterationSchedule& schedule, const torch::Tensor& outputs);
  ot::MapLoss backward_through_map(Direction& direction, const torch::Tensor& x, const Draws& draws,
                                   const IterationSchedule& schedule, double fraction, torch::Tensor* outputs);
  torch::Tensor smoothed(const Direction& direction, const torch::Tensor& x, int64_t place,
                         const ot::Smoothing& smoothing, const torch::Tensor& tint = {});
  std::pair<torch::Tensor, Draws> source_batch(const Direction& direction, const torch::Tensor& x, int64_t place,
                                               int64_t per_input, const IterationSchedule& schedule);
  Draws draw(const Direction& direction, const torch::Tensor& like, int64_t place, int64_t per_input,
             const ot::HostOrDeviceScalar& augmentation);
  ot::Potential potential_function(nn::PotentialNet& potential) const;
  void make_average(Direction& direction);
  void update_averages(const IterationSchedule& schedule);
  void finish_update(Direction& direction, bool map, const IterationSchedule& schedule, Update& update);
  torch::Tensor expectile_scale(const torch::Tensor& x, const torch::Tensor& y) const;
  torch::Tensor mean_over_ranks(const torch::Tensor& mean) const;
  dist::Slice slice_of_items(int64_t own) const;
  std::string advice_when_diverged(bool is_map) const;
  std::string diverged_ranks(const MetricBuffer::Row& row) const;
  [[noreturn]] void throw_diverged(int64_t iteration, int64_t row_index, const MetricBuffer::Row& row) const;

  SolverOptions options_;
  dist::ProcessGroup& group_;
  double part_;  ///< the weight of this rank in a mean: 1 / ranks
  torch::Device device_;
  double tau_;
  ot::AugmentationKind augmentation_;
  ot::Marginals marginals_;
  torch::Tensor augmentation_state_;
  std::unique_ptr<ot::Method> method_;
  ot::MapNoise noise_;
  IterationStreams streams_;
  ot::RateSchedule schedule_;
  double rate_scale_ = 1;  ///< see stabilise

  /// The nets that are trained, each with its optimiser; gradient maps of both directions have two for four roles.
  struct Trained {
    const torch::nn::Module* net;
    std::unique_ptr<Adam> adam;
    std::unique_ptr<GradientReducer> reducer;
  };
  std::vector<Trained> trained_;
  std::vector<Direction> directions_;  ///< forward, and the reversed one with train.directions = "both"
  /// Whether one pass computes the losses of all roles of two gradient maps, see ot::gradient_pair_loss.
  bool as_gradient_pair_ = false;
  MetricBuffer metric_buffer_;
  std::deque<std::pair<int64_t, IterationSchedule>> launched_;  ///< iterations launched
  int64_t written_ = 0;                                ///< rows of the metric buffer that this iteration has written
  int64_t blocked_maps_ = 0, blocked_potentials_ = 0;  ///< consecutive skipped updates

  // For captured iterations, which read their inputs at fixed addresses.
  bool captured_ = false;
  DeviceScalars device_scalars_;
  GraphCache graphs_;
  std::vector<torch::Tensor> source_batches_, target_batches_;
};

/// The input of T: x with the noise z after its channels.
/// @param x  [B, ...].  @param z  [B, Z, channels, ...] or undefined.
/// @return   [B*Z, ...], b major.
torch::Tensor with_noise(const torch::Tensor& x, const torch::Tensor& z);

/// z for items like x: [B, per_input, channels, H, W] or [B, per_input, channels], times std; undefined without
/// channels.
torch::Tensor draw_noise(const torch::Tensor& x, int64_t per_input, const ot::MapNoise& noise, const ItemDraws& draws);

}  // namespace monge::solve
