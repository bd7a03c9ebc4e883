// Opens the data of a recipe: the training parts, the held-out parts, and the data of an evaluation.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/lost_columns.h"
#include "monge/data/open.h"
#include "monge/data/source.h"
#include "monge/data/standardise.h"
#include "monge/dist/process_group.h"
#include "monge/train/recipe.h"

namespace monge::train {

/// The training parts of both sides, and the parts held out for evaluation (the same source when nothing can be held
/// out).
struct TrainingData {
  std::shared_ptr<const data::Source> source, target;
  std::shared_ptr<const data::Source> held_source, held_target;
  std::optional<data::Standardisation> standardisation = {};  ///< the units of all four sources; see standardise
  /// data::fingerprint of the training parts before they are standardised. Empty when a source has none, and on ranks
  /// other than the root.
  std::string source_fingerprint = {}, target_fingerprint = {};
  /// Columns that float32 cannot hold in these units; no metric sees what happens in them.
  data::LostColumns lost = {};
};

struct TrainingDataOptions {
  LogSink log = silent();
  data::ProgressCallback progress = {};  ///< called with (done, total) while images are decoded; may be empty
  /// The standardisation of the checkpoint being resumed. If unset, it is measured on the training data.
  std::optional<data::Standardisation> standardisation = {};
  data::ColumnNames columns = {};  ///< those of the checkpoint being resumed; the tables are put into this order
  std::shared_ptr<const data::Source> source = {}, target = {};  ///< used instead of the recipe's paths; may be null
};

/// Opens the recipe's sources, splits off the held-out part of finite ones, pairs the columns of tables (see
/// data::pair_columns), and standardises all as data.standardise says. Warns of columns that float32 cannot hold.
/// @param group  all ranks call this and read the same paths, each on its host. The root measures; the ranks of a host
///               divide data.cache_mb among themselves.
/// @throws InputError when a source cannot be used; CommonError when the ranks find different items.
TrainingData open_training_data(const Recipe& recipe, const TrainingDataOptions& options = {},
                                dist::ProcessGroup& group = dist::ProcessGroup::single());

/// Replaces "auto" in colour and range of source and target by the values that were found in the data, so that a
/// resumed run and a user of the map need not measure them again. Changes nothing else.
void resolve_images(Recipe& recipe, const TrainingData& data);

/// @throws InputError when output.range is set and the outputs would be images, which are in [-1, 1], or output.size
/// and they would be vectors, or images of a net that takes one size alone.
void check_output_options(const Recipe& recipe, const std::vector<int64_t>& item_shape);

/// Puts raw data into standard units. @throws InputError for images, or when the dimensions do not fit.
void standardise(TrainingData& data, const data::Standardisation& standardisation);

/// The data that an evaluation reads; nothing else is opened for it.
struct EvaluationData {
  std::shared_ptr<const data::Source> source, target;
  /// The samples that `target` is compared with to measure the floor. If it is `target` itself, its halves are
  /// compared.
  std::shared_ptr<const data::Source> target_b;
};

/// Opens the parts that open_training_data holds out, and the training target for the floor. When eval.source is set,
/// the recipe's own source is not opened. When eval.target is set and the training target cannot be opened, the log
/// gets a warning and target_b is `target`. The items are raw: see standardise.
EvaluationData open_evaluation_data(const Recipe& recipe, const LogSink& log,
                                    const data::ProgressCallback& progress = {});

/// Puts the columns of tables into the order that a model was trained with, and finds them by name (see
/// data::select_columns). Call it before standardise. @throws InputError as data::select_columns.
void select_columns(EvaluationData& data, const data::ColumnNames& columns, const LogSink& log);

/// Puts raw data into standard units, in which training evaluates a model (see model::Model::in_standard_units).
void standardise(EvaluationData& data, const data::Standardisation& standardisation);

/// The options with which a side of the recipe is opened.
data::SourceOptions source_options(const SourceSection& section, const Recipe& recipe);

}  // namespace monge::train
