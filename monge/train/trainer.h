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
#include "monge/train/augmentation_control.h"
#include "monge/train/checkpoint.h"
#include "monge/train/divergence_watch.h"
#include "monge/train/observer.h"
#include "monge/train/recipe.h"
#include "monge/train/training_data.h"

namespace monge::train {

/// The penalty R1 of the potential: weight * every in every `every`-th update.
struct R1Setting {
  double weight = 0;
  int64_t every = 1;
};

/// Each rank of the group has a trainer and calls the same functions. Only the root's trainer has a folder and writes.
/// Observers that take part in collective operations must be attached on all ranks.
class Trainer {
 public:
  /// @param data    as open_training_data returns them: standardised unless data.standardise is off.
  /// @param folder  the run directory; checkpoints are written to folder/checkpoints. If empty, nothing is written.
  /// @param files   must outlive the trainer.
  /// @param group   must outlive the trainer; all ranks construct theirs together.
  /// @throws InputError when the recipe and the data do not fit each other.
  Trainer(const Recipe& recipe, TrainingData data, torch::Device device, std::filesystem::path folder, LogSink log,
          const Files& files = real_files(), dist::ProcessGroup& group = dist::ProcessGroup::single());

  /// `observer` must outlive the trainer.
  void attach(Observer& observer) { observers_.push_back(&observer); }

  /// Resumes from `checkpoint`. Warns when the number of items or, by their fingerprints, the values of the data have
  /// changed since it was saved.
  /// @throws InputError when it does not fit this recipe's nets, or the data are not standardised by its numbers.
  void resume(const Checkpoint& checkpoint);

  /// Sets the nets of a new training to these weights, which have the names of Solver::state() ("map/KEY" and so on,
  /// see model::starting_state). Tensors that are not among them keep their values. All ranks call it, and all take the
  /// root's weights.
  /// @throws InputError naming a tensor that the solver lacks or has in another shape.
  void start_from(const nn::NamedTensors& weights);

  /// Trains up to train.iterations, or until `stop` of any rank is set; then it finishes the iteration under way, but
  /// not an evaluation. In both cases it saves the last state.
  /// @return whether the run is complete, with its evaluations; true also when end_early ended it.
  ///
  /// When the losses run away (DivergenceWatch) or are not finite, train.on_divergence decides. "rollback": the
  /// training returns to its last sound checkpoint (without a folder: to a copy in memory), or to its start where there
  /// is none, and continues with 0.3 times the rates and, if it had none, with R1; at most train.rollbacks times. The
  /// first time it starts again with a smoothed source instead, with the rates as they are, where level_to_smooth tells
  /// so: recipe() and solver() have method otp from there on.
  /// "stop": it ends. In both cases checkpoints after the sound one are renamed to diverged_step_NNNNNN. "ignore": it
  /// is warned of once, and only values that are not finite end it.
  /// @throws DivergedError, with nothing saved over the last sound checkpoint.
  bool run(const std::atomic<bool>& stop);

  /// Saves a checkpoint now (once per iteration) and prunes older ones. All ranks call it, compare their nets and
  /// continue when the root has saved.
  /// @return the folder; empty without a run folder.
  /// @throws DivergedError if a tensor of the state holds a value that is not finite.
  /// @throws SystemError on all ranks, when the root cannot write.
  std::filesystem::path save();

  /// For observers that evaluate the map. When `metric` (smaller is better) is the best of the run, this saves a
  /// checkpoint and makes folder/best a link to it. A metric that is not finite is never the best.
  void offer_best(double metric);

  /// For observers that evaluate the map, on all ranks: its push-forward error and that of the inputs themselves, which
  /// the watch for divergence judges.
  void note_target_error(double error, double start);

  /// For observers that evaluate the map, on all ranks: whether the evaluation after the present iteration is still to
  /// be made. Checkpoints record it, so that a resumed training begins with it.
  bool evaluation_due() const { return evaluation_due_; }
  void set_evaluation_due(bool due);

  /// For observers, in run(): the flag by which the training is stopped.
  const std::atomic<bool>& stop_flag() const { return *stop_; }

  /// For observers that evaluate the map, on all ranks: the evaluation was left because the training is to stop. The
  /// run ends and is not complete; the evaluation stays due.
  void leave_evaluation();

  /// What was changed after divergences, oldest first.
  const std::vector<Intervention>& interventions() const { return interventions_; }

  /// Forgets the best metric, for a resumed run whose metrics do not compare with the earlier ones.
  void forget_best() { best_metric_.reset(); }

  /// Sets how many iterations are launched before the metrics of the oldest one are read, unless an observer needs the
  /// nets in between. Default: 1 on a GPU, which then never waits for the host; 0 on a CPU.
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
  const std::optional<double>& best_metric() const { return best_metric_; }
  int64_t best_iteration() const { return best_iteration_; }
  const LogSink& log() const { return log_; }

  /// The batches of training, on the solver's device, prefetched as the recipe's [data] says. Only one caller at a time
  /// may use it.
  solve::BatchProvider batch_provider();

  /// Seconds for which iterations have waited for batches so far.
  double data_wait() const;

 private:
  void warn_of_changed_data(const Checkpoint& checkpoint) const;
  std::filesystem::path save_if_possible();
  void save_after_failure();
  void follow_overfitting();
  void compare_nets();
  void start_plan();
  std::filesystem::path write_checkpoint();

  /// Whether an observer or a checkpoint reads the nets after iteration `done`, so that no later one may be launched.
  bool nets_needed(int64_t done) const;
  /// Whether all items of `source` are kept on the solver's device.
  bool keeps_on_device(const data::Source& source) const;
  /// Collects the oldest iteration that was launched and notifies the observers.
  void report();
  /// Whether a divergence is answered with a return or the end of the run; else it is only told.
  bool answers_divergence() const;
  void start_watch();
  void warn_of_alarm();
  std::string advice_against_divergence() const;
  R1Setting r1_in_force() const;
  std::optional<int64_t> settled_sound() const;
  bool roll_back(const std::string& reason, bool finite);
  bool answer_alarm();
  std::unique_ptr<solve::Solver> new_solver(torch::Device device) const;
  std::optional<double> agreed_level_to_smooth() const;
  void continue_smoothed(double level);
  [[noreturn]] void stop_diverged(const std::string& reason);
  bool restore_sound_state();
  void restore_start();
  void apply_interventions();
  void note_if_sound();
  void set_aside_diverged(int64_t sound);
  Checkpoint state_now() const;

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
  std::optional<AugmentationControl> augmentation_;
  std::vector<Observer*> observers_;
  int64_t done_ = 0, saved_at_ = -1, ahead_ = 0;
  std::optional<double> best_metric_;
  int64_t best_iteration_ = 0;
  bool best_is_aside_ = false;  ///< set_aside_diverged has renamed the best checkpoint
  std::string early_end_;
  DivergenceWatch watch_;
  std::vector<Intervention> interventions_;
  std::vector<int64_t> sound_;               ///< see Checkpoint::sound
  std::vector<Checkpoint> sound_in_memory_;  ///< the same states of a training without a folder, with copied tensors
  nn::NamedTensors start_weights_;           ///< of start_from, on the root
  std::string alarm_;                        ///< raised in this iteration, and not handled yet
  bool warned_ = false;                      ///< of an alarm that is not answered
  bool starts_anew_ = true;                  ///< the start of the training can be built again in this process
  bool from_weights_ = false;                ///< start_from was called
  bool has_state_ = false;                   ///< the nets have been resumed, started from weights, or trained
  bool stop_agreed_ = false;                 ///< with several ranks: some rank wants to stop, and all ranks know it
  bool drifted_ = false;                     ///< the ranks' nets differ
  bool evaluation_due_ = false;              ///< see evaluation_due()
  bool left_evaluation_ = false;             ///< by leave_evaluation, in this run
  const std::atomic<bool>* stop_ = nullptr;  ///< of run()
};

}  // namespace monge::train
