// The loop: data to solver, checkpoints in time, observers told.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/loader.h"
#include "monge/data/lost_columns.h"
#include "monge/data/open.h"
#include "monge/data/sampler.h"
#include "monge/data/source.h"
#include "monge/data/standardise.h"
#include "monge/dist/process_group.h"
#include "monge/solve/solver.h"
#include "monge/train/checkpoint.h"
#include "monge/train/observer.h"
#include "monge/train/recipe.h"

namespace monge::train {

/// What is trained on, and what is held out for evaluation (the same source where there is nothing to hold out).
struct TrainingData {
  std::shared_ptr<const data::Source> source, target;
  std::shared_ptr<const data::Source> held_source, held_target;
  std::optional<data::Standardisation> standardisation = {};  ///< that the four give their items in, see standardise
  std::string source_fingerprint = {},
              target_fingerprint = {};  ///< data::fingerprint of the training parts before they are
                                        ///< standardised; empty where there is none, and on other ranks than 0
  data::LostColumns lost =
      {};  ///< columns that float32 cannot hold in these units: no metric sees what happens in them
};

/// Opens the recipe's sources, splits off the held-out part of the finite ones, brings the columns of tables into one
/// order (see data::pair_columns), and standardises all as data.standardise says. Warns of columns that float32 cannot
/// hold.
/// @param progress  told (done, total) while images are decoded; may be empty.
/// @param known     the standardisation of the checkpoint being resumed. If unset, it is measured on the training data.
/// @param group     of a job, whose ranks all call this and read the same paths, each on its host; null: none. Rank 0
/// measures, and
///                  the ranks of a host share data.cache_mb.
/// @param columns   the column names of the checkpoint being resumed, in whose order the tables are taken.
/// @throws Error also when the ranks do not find the same numbers of items.
TrainingData open_training_data(const Recipe& recipe, const LogSink& log,
                                const std::function<void(int64_t, int64_t)>& progress = {},
                                const std::optional<data::Standardisation>& known = {},
                                dist::ProcessGroup* group = nullptr, const data::ColumnNames& columns = {});

/// Writes down what source.colour, source.range and those of the target were found to be where they are "auto", so that
/// a resumed run and the use of the map do not find anew. Changes nothing else.
void resolve_images(Recipe& recipe, const TrainingData& data);

/// Puts raw data into standard units. @throws Error for images, or when the dimensions do not fit.
void standardise(TrainingData& data, const data::Standardisation& standardisation);

/// What an evaluation reads; nothing else is opened for it.
struct EvaluationData {
  std::shared_ptr<const data::Source> source, target;
  std::shared_ptr<const data::Source> target_b;  ///< the other side of the floor; `target` itself: compare its halves
};

/// Opens what open_training_data holds out, and the training target for the floor. Where eval.source or eval.target is
/// named, the recipe's own source is not opened for that side. A training target that cannot be opened any more is no
/// error where eval.target is named: the log is told, and target_b is `target`. The items are raw: see standardise.
EvaluationData open_evaluation_data(const Recipe& recipe, const LogSink& log,
                                    const std::function<void(int64_t, int64_t)>& progress = {});

/// Takes the columns of tables in the order that a model was trained with, found by name (see data::select_columns).
/// Before standardise. @throws Error as select_columns.
void select_columns(EvaluationData& data, const data::ColumnNames& columns, const LogSink& log);

/// Puts raw data into standard units, in which a model judges as its training did (with Model::in_standard_units).
void standardise(EvaluationData& data, const data::Standardisation& standardisation);

/// What opens a side of the recipe.
data::SourceOptions source_options(const SourceSection& section, const Recipe& recipe);

/// In a job each rank has a trainer and calls the same of its functions. Rank 0's writes; the others' have no folder.
/// Observers that take part in collective operations are attached on all.
class Trainer {
 public:
  /// @param data    standardised where data.standardise is not off, as open_training_data gives them; else an Error.
  /// @param folder  of the run; checkpoints go to folder/checkpoints. Empty: nothing is written.
  Trainer(const Recipe& recipe, TrainingData data, torch::Device device, std::filesystem::path folder, LogSink log,
          const Files& files = real_files(), std::shared_ptr<dist::ProcessGroup> group = nullptr);

  /// `observer` must outlive the trainer.
  void attach(Observer& observer) { observers_.push_back(&observer); }

  /// Takes up where `checkpoint` was saved. Warns when the data have another number of items or, by their fingerprints,
  /// other values now.
  /// @throws Error when it does not fit this recipe's nets, or the data are not standardised by its numbers.
  void resume(const Checkpoint& checkpoint);

  /// Gives the nets of a new training these weights, "map/KEY" and so on as Solver::state() names them (see
  /// starting_state); what is not among them keeps its own. In a job those of rank 0 count.
  /// @throws Error naming a tensor that the solver has not, or has in another shape.
  void start_from(const nn::NamedTensors& weights);

  /// Trains up to train.iterations or until `stop` is set, in a job that of any rank; then the step in hand is
  /// finished. The last state is saved either way. @return whether the run is complete, or was ended early.
  /// @throws DivergedError with nothing saved over the last good checkpoint.
  bool run(const std::atomic<bool>& stop);

  /// Saves now (once per iteration) and prunes. In a job all ranks call it, compare their nets and go on when rank 0
  /// has saved.
  /// @return the folder, empty without a run folder.
  std::filesystem::path save();

  /// For observers that measure: saves when `figure` (smaller is better) is the best of the run; folder/best then
  /// points at that checkpoint. What is not finite is never the best.
  void offer(double figure);

  /// Begins the search for the best checkpoint anew: for a resumed run whose figures do not compare with those before.
  void forget_best() { best_figure_.reset(); }

  /// How many iterations are launched before the figures of the oldest are read, where nobody looks at the nets in
  /// between: 1 on a GPU, which then never waits for the host; 0 on a CPU.
  void set_ahead(int64_t iterations) { ahead_ = iterations; }

  /// For observers: ends the run after this iteration as if it had been its last, unless it is. Told to the log.
  void end_early(const std::string& reason);
  /// Why the run was ended early; empty when it was not.
  const std::string& early_end() const { return early_end_; }

  const Recipe& recipe() const { return recipe_; }
  const TrainingData& data() const { return data_; }
  const data::ColumnNames& columns() const { return columns_; }
  solve::Solver& solver() { return *solver_; }
  dist::ProcessGroup* group() const { return group_.get(); }  ///< null where there is no job
  int64_t done() const { return done_; }
  const std::filesystem::path& folder() const { return folder_; }
  const std::optional<double>& best_figure() const { return best_figure_; }
  int64_t best_iteration() const { return best_iteration_; }
  const LogSink& log() const { return log_; }

  /// The batches of training, on the solver's device, made ahead as the recipe's [data] says. One caller at a time.
  solve::BatchProvider feed();

  /// Seconds that iterations have waited for batches so far.
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
  std::shared_ptr<dist::ProcessGroup> group_;
  std::unique_ptr<solve::Solver> solver_;
  std::vector<Observer*> observers_;
  int64_t done_ = 0, saved_at_ = -1, ahead_ = 0;
  std::optional<double> best_figure_;
  int64_t best_iteration_ = 0;
  std::string early_end_;
  bool stop_agreed_ = false;  ///< in a job
  bool drifted_ = false;      ///< the ranks' nets differ
};

}  // namespace monge::train
