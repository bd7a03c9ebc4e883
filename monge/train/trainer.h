// The training loop: runs the solver on batches of the data, saves checkpoints, and notifies observers.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/files.h"
#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/loader.h"
#include "monge/data/sampler.h"
#include "monge/data/source.h"
#include "monge/dist/process_group.h"
#include "monge/solve/solver.h"
#include "monge/train/checkpoint.h"
#include "monge/train/observer.h"
#include "monge/train/recipe.h"
#include "monge/train/training_data.h"

namespace monge::train {

/// Each rank of the group has a trainer and calls the same functions. The root's writes; the others' have no folder.
/// Observers that take part in collective operations must be attached on all ranks.
class Trainer {
 public:
  /// @param data    as open_training_data gives them: standardised unless data.standardise is off.
  /// @param folder  of the run; checkpoints go to folder/checkpoints. Empty: nothing is written.
  /// @param files   outlives this.
  /// @param group   outlives this; all ranks construct theirs together.
  /// @throws InputError when the recipe and the data do not fit each other.
  Trainer(const Recipe& recipe, TrainingData data, torch::Device device, std::filesystem::path folder, LogSink log,
          const Files& files = real_files(), dist::ProcessGroup& group = dist::ProcessGroup::single());

  /// `observer` must outlive the trainer.
  void attach(Observer& observer) { observers_.push_back(&observer); }

  /// Resumes from `checkpoint`. Warns when the data have another number of items than then or, by their fingerprints,
  /// other values.
  /// @throws InputError when it does not fit this recipe's nets, or the data are not standardised by its numbers.
  void resume(const Checkpoint& checkpoint);

  /// Gives the nets of a new training these weights, "map/KEY" and so on as Solver::state() names them (see
  /// starting_state); tensors that are not among them keep their values. All ranks call it; the root's weights count.
  /// @throws InputError naming a tensor that the solver lacks or has in another shape.
  void start_from(const nn::NamedTensors& weights);

  /// Trains up to train.iterations, or until `stop` of any rank is set; the iteration under way is then finished.
  /// Either way the last state is saved.
  /// @return whether the run is complete; true also when end_early ended it.
  /// @throws DivergedError, with nothing saved over the last good checkpoint.
  bool run(const std::atomic<bool>& stop);

  /// Saves a checkpoint now (once per iteration) and prunes older ones. All ranks call it, compare their nets and
  /// continue when the root has saved.
  /// @return the folder; empty without a run folder.
  std::filesystem::path save();

  /// For observers that measure: saves when `figure` (smaller is better) is the best of the run, and makes folder/best
  /// a link to that checkpoint. A figure that is not finite is never the best.
  void offer(double figure);

  /// Forgets the best figure, for a resumed run whose metrics do not compare with the earlier ones.
  void forget_best() { best_figure_.reset(); }

  /// How many iterations are launched before the metrics of the oldest are read, unless an observer needs the nets in
  /// between. Default: 1 on a GPU, which then never waits for the host; 0 on a CPU.
  void set_ahead(int64_t iterations) { ahead_ = iterations; }

  /// For observers: ends the run after this iteration as if it were the last one, and logs `reason`.
  void end_early(const std::string& reason);
  /// Why the run ended early; empty when it did not.
  const std::string& early_end() const { return early_end_; }

  const Recipe& recipe() const { return recipe_; }
  const TrainingData& data() const { return data_; }
  const data::ColumnNames& columns() const { return columns_; }
  solve::Solver& solver() { return *solver_; }
  const solve::Solver& solver() const { return *solver_; }
  dist::ProcessGroup& group() const { return group_; }
  int64_t done() const { return done_; }
  const std::filesystem::path& folder() const { return folder_; }
  const std::optional<double>& best_figure() const { return best_figure_; }
  int64_t best_iteration() const { return best_iteration_; }
  const LogSink& log() const { return log_; }

  /// The batches of training, on the solver's device, prefetched as the recipe's [data] says. One caller at a time.
  solve::BatchProvider feed();

  /// Seconds for which iterations have waited for batches so far.
  double data_wait() const;

 private:
  void warn_of_changed_data(const Checkpoint& checkpoint) const;
  void save_what_can_be();
  void compare_nets();
  std::filesystem::path write_checkpoint();

  bool looked_at(int64_t done) const;
  bool keeps_on_device(const data::Source& source) const;
  void report();

  Recipe recipe_;
  TrainingData data_;
  data::ColumnNames columns_;
  std::filesystem::path folder_;
  LogSink log_;
  const Files& files_;
  std::shared_ptr<const data::Sampler> source_sampler_, target_sampler_;
  std::shared_ptr<data::Loader> source_loader_, target_loader_;
  dist::ProcessGroup& group_;
  std::unique_ptr<solve::Solver> solver_;
  std::vector<Observer*> observers_;
  int64_t done_ = 0, saved_at_ = -1, ahead_ = 0;
  std::optional<double> best_figure_;
  int64_t best_iteration_ = 0;
  std::string early_end_;
  bool stop_agreed_ = false;  ///< with several ranks: some rank wants to stop, and all know
  bool drifted_ = false;      ///< the ranks' nets differ
};

}  // namespace monge::train
