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
#include "monge/ot/schedule.h"
#include "monge/solve/batch_norm_buffers.h"
#include "monge/solve/gradient_reducer.h"
#include "monge/solve/graph.h"
#include "monge/solve/iteration_schedule.h"
#include "monge/solve/iteration_streams.h"
#include "monge/solve/metric_buffer.h"
#include "monge/solve/optimiser.h"
#include "monge/solve/options.h"

namespace monge::solve {

/// IterationBatches by step, on the solver's device and in its type or float32. A pure function of the step, so that a
/// resumed run sees the same data. Map updates take source batches k*(K_T+1) .. k*(K_T+1)+K_T-1, the potential update
/// the next one and target batch k.
struct BatchProvider {
  std::function<torch::Tensor(int64_t step)> source, target;  ///< [B, ...item]
};

/// The random part of one update.
struct Draws {
  torch::Tensor z;                ///< [B, Z, channels, ...], already scaled; undefined for a deterministic map
  ot::Perturbation perturbation;  ///< of the method; undefined for most
};

/// What one outer iteration gave. Means over its map updates where there are several.
struct IterationMetrics {
  double loss_map = 0, cost = 0, potential_fake = 0, loss_potential = 0;
  double gradient_map = 0, gradient_potential = 0;  ///< norms before clipping, of the last updates
  double rate_map = 0, rate_potential = 0;
  double noise_level = 0;  ///< of the smoothed source (otp)
  int64_t skipped = 0;     ///< updates left out by the loss scaler (fp16)
  bool stop =
      false;  ///< whether a rank of the job wanted to stop when the iteration was launched; the same on all ranks
};

/// The two nets, their optimisers and the averaged map. Owns its random streams; takes batches, gives figures; knows
/// neither files nor time.
///
/// In a job of several ranks each has a solver, is fed its own part of every batch and draws its own part of the noise;
/// gradients and figures are means over all ranks, so that all make the same updates, those that one rank would with
/// the whole batches (but for statistics of batch norm, see parallel.sync_batch_norm, and the order of sums).
class Solver {
 public:
  /// @param options    validated; precision fp64 turns the nets to double.
  /// @param map        T; moved to `device`.
  /// @param ema        a second net of the same architecture, overwritten with the average; null when train.ema is 0.
  /// @param potential  f.
  /// @param dim        entries of an item (for cost.scale = "mean").
  /// @param group      outlives this. All ranks construct theirs together, and then have the state of the root.
  Solver(const SolverOptions& options, std::shared_ptr<nn::MapNet> map, std::shared_ptr<nn::MapNet> ema,
         std::shared_ptr<nn::PotentialNet> potential, int64_t dim, torch::Device device,
         dist::ProcessGroup& group = dist::ProcessGroup::single());

  /// K_T map updates and one potential update: launch and collect.
  IterationMetrics outer_iteration(int64_t iteration, const BatchProvider& feed);

  /// Starts an outer iteration. On a GPU nothing here waits for it, so that the next may be launched before `collect`.
  /// With train.graph it is captured after a few times and from there on replayed (see GraphCache).
  /// @param stop  whether this rank wants to stop after it; all learn of it by its figures.
  void launch(int64_t iteration, const BatchProvider& feed, bool stop = false);

  /// The figures of the oldest iteration that was launched and not collected; waits for it.
  /// @throws DivergedError naming the iteration, the update and the batch when a loss or gradient is not finite. No
  ///         optimiser has then seen it, and batch statistics are put back. (On a GPU later updates, of later
  ///         iterations too if they were launched, may have been made.) In a job it names the ranks whose own were not
  ///         finite, and is thrown by all.
  IterationMetrics collect();

  /// Iterations launched and not collected.
  int64_t launched() const { return record_.on_the_way(); }

  /// Kernels of the iteration that was replayed last as a graph; nothing where none was.
  std::optional<int64_t> kernel_launches() const { return graphs_.kernels(); }

  /// The pieces, for tests and benchmarks; the losses before the update.
  Update map_update(const torch::Tensor& x, const Draws& draws, int64_t iteration) {
    return map_update(x, draws, schedule(iteration));
  }
  Update potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws, int64_t iteration) {
    return potential_update(x, y, draws, schedule(iteration));
  }

  /// T(x, z) as the losses see it, [B, Z, ...] in float32 (fp64: double).
  torch::Tensor transport(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& z) const;

  /// All that training changes, under stable names, sharing memory with this object: loading is copying into it.
  NamedTensors state() const;

  /// Gives all ranks the state of the root.
  void broadcast_state();
  /// A number by which ranks can tell whether they have the same parameters, bit by bit.
  int64_t fingerprint() const;

  nn::MapNet& map() { return *map_; }
  /// The averaged map, or the raw one when train.ema is 0; what is evaluated and exported.
  std::shared_ptr<nn::MapNet> averaged_map() const { return ema_ ? ema_ : map_; }
  nn::PotentialNet& potential() { return *potential_; }
  const ot::Method& method() const { return *method_; }
  torch::Device device() const { return device_; }
  double tau() const { return tau_; }

 private:
  /// The batches of an iteration: map update t takes source(t), the potential's source(K_T) and target().
  struct IterationBatches {
    std::function<torch::Tensor(int64_t place)> source;
    std::function<torch::Tensor()> target;
  };

  IterationSchedule schedule(int64_t iteration) const;
  void body(const IterationSchedule& schedule, const IterationBatches& batches);
  void launch_captured(const IterationSchedule& schedule, const IterationBatches& batches);
  Update map_update(const torch::Tensor& x, const Draws& draws, const IterationSchedule& schedule);
  Update potential_update(const torch::Tensor& x, const torch::Tensor& y, const Draws& draws,
                          const IterationSchedule& schedule);
  ot::MapLoss backward_through_map(const torch::Tensor& x, const torch::Tensor& z, const ot::Perturbation& perturbation,
                                   const IterationSchedule& schedule, double share);
  torch::Tensor smoothed(const torch::Tensor& x, int64_t place, const ot::Smoothing& smoothing);
  Draws draw(const torch::Tensor& like, int64_t place, int64_t per_input);
  ot::Potential potential_function() const;
  void make_average();
  void update_average(const IterationSchedule& schedule);
  void conclude(Adam& adam, GradientReducer* exchange, const ot::HostOrDeviceScalar& rate, Update& update);
  torch::Tensor mean_over_ranks(const torch::Tensor& mean) const;
  dist::Slice slice_of_items(int64_t own) const;
  std::string culprits(const MetricBuffer::Row& row) const;

  SolverOptions options_;
  dist::ProcessGroup& group_;
  double part_;  ///< of this rank in a mean: 1 / ranks
  std::shared_ptr<nn::MapNet> map_, ema_;
  std::shared_ptr<nn::PotentialNet> potential_;
  torch::Device device_;
  double tau_;
  std::unique_ptr<ot::Method> method_;
  ot::MapNoise noise_;
  IterationStreams streams_;
  ot::RateSchedule schedule_;
  Adam adam_map_, adam_potential_;
  std::unique_ptr<GradientReducer> reducer_map_, reducer_potential_;  ///< null when nothing is sent
  FlatParameters averaged_;                                           ///< parameters of ema_
  BatchNormBuffers statistics_, averaged_statistics_;                 ///< buffers of map_ and ema_
  MetricBuffer record_;
  std::deque<std::pair<int64_t, IterationSchedule>> underway_;  ///< iterations launched
  int64_t written_ = 0;                                         ///< rows of the record in the iteration in hand
  int64_t blocked_maps_ = 0, blocked_potentials_ = 0;           ///< in a row

  // For captured iterations: what they read lies at fixed places.
  bool captured_ = false;
  DeviceScalars device_scalars_;
  GraphCache graphs_;
  std::vector<torch::Tensor> batches_;  ///< K_T + 1 of the source, one of the target
};

/// T's input: x with z beside it. @param x [B, ...]  @param z [B, Z, channels, ...] or undefined  @return [B*Z, ...], b
/// major.
torch::Tensor with_noise(const torch::Tensor& x, const torch::Tensor& z);

/// z for items like x: [B, draws, channels, H, W] or [B, draws, channels], times std; undefined when channels is 0.
torch::Tensor draw_noise(const torch::Tensor& x, int64_t draws, const ot::MapNoise& noise, const ItemDraws& items);

}  // namespace monge::solve
