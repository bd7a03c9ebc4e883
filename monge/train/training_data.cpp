#include "monge/train/training_data.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/output_size.h"
#include "monge/core/random.h"
#include "monge/core/user_words.h"
#include "monge/data/fill_values.h"
#include "monge/data/fingerprint.h"
#include "monge/data/grey_as_rgb.h"
#include "monge/data/image_survey.h"
#include "monge/data/images.h"
#include "monge/data/split.h"
#include "monge/solve/nets.h"
#include "monge/train/broadcast_from_root.h"

namespace monge::train {

data::SourceOptions source_options(const SourceSection& section, const Recipe& recipe) {
  data::SourceOptions options;
  options.path = section.path;
  options.images.size = section.size;
  options.images.crop = section.crop;
  options.images.filter = section.filter;
  options.images.background = section.background;
  options.images.grey = section.grey;
  options.images.colour = section.colour;
  options.images.exif = section.exif;
  options.images.range = section.range;
  options.images.on_error = section.on_error;
  options.images.resize_to = section.resize_to;
  options.images.convert = section.convert;
  constexpr int64_t kAnySize = int64_t{1} << 40;
  options.images.cache_mb = recipe.data.cache == "off"      ? 0
                            : recipe.data.cache == "memory" ? kAnySize
                                                            : recipe.data.cache_mb;
  return options;
}

namespace {

using Opened = std::shared_ptr<const data::Source>;

/// Replaces "auto" by the values that were found in `source`, so that the other sets of this side are opened alike.
void resolve_section(SourceSection& section, const data::Source& source) {
  const auto shape = source.item_shape();
  if (section.colour == "auto" && shape.size() == 3) section.colour = shape[0] == 1 ? "grey" : "rgb";
  if (section.range != "auto") return;
  const auto measured = source.open_report().range;
  section.range = measured.empty() ? "full" : measured;
}

/// Opens the sources of a recipe.
class SideOpener {
 public:
  SideOpener(const Recipe& recipe, const LogSink& log, const data::ProgressCallback& progress)
      : recipe_(recipe), log_(log), progress_(progress) {}

  /// @param side  "source" or "target", which errors name.
  Opened open(const std::string& side, SourceSection section, const std::string& path) const {
    section.path = path;
    try {
      return data::open_source(source_options(section, recipe_), log_, progress_);
    } catch (const InputError& error) {
      throw InputError(side + ": " + error.what());
    }
  }

  /// One side in two parts: the training part and the held-out part.
  /// @param held_path  path of the held-out data; empty: a part of the side itself is held out.
  /// @param given      the side, opened already; if null, it is opened here.
  std::pair<Opened, Opened> open_parts(const std::string& side, SourceSection section, const std::string& held_path,
                                       const Opened& given = nullptr) const {
    const auto whole = given ? given : open(side, section, section.path);
    resolve_section(section, *whole);
    if (!held_path.empty()) return {whole, open("eval." + side, section, held_path)};
    const int64_t held = static_cast<int64_t>(static_cast<double>(whole->size()) * recipe_.eval.holdout);
    if (whole->endless()) return {whole, whole};
    if (held < 2) {
      log_(LogLevel::warning, text(side, ": none of its ", whole->size(), " items can be held out (eval.holdout = ",
                                   recipe_.eval.holdout, "), so the metrics are measured on training samples"));
      return {whole, whole};
    }
    // Both sides use one stream: when they are the same set, the same items are held out.
    const auto parts =
        recipe_.eval.split == "last"
            ? data::hold_out(whole, held)
            : data::hold_out(whole, held, RandomStreams(static_cast<uint64_t>(recipe_.train.seed)).at("hold out", 0));
    return {parts.kept, parts.held_out};
  }

 private:
  const Recipe& recipe_;
  const LogSink& log_;
  const data::ProgressCallback& progress_;
};

/// Replaces the two sources of one side by `change` of them. If both were one source, they remain one.
template <class Change>
void replace_both(Opened& first, Opened& second, const Change& change) {
  const bool same = first == second;
  first = change(first);
  second = same ? first : change(second);
}

bool is_grey(const data::Source& source) { return source.item_shape().size() == 3 && source.item_shape()[0] == 1; }

/// When the two sides measured different ranges, sets one range in the recipe that contains both. The cost compares
/// their values, so a value must be the same grey on both sides. @return whether it did; then both sides must be opened
/// anew.
bool set_common_range(Recipe& recipe, const TrainingData& data, const LogSink& log) {
  if (recipe.source.range != "auto" || recipe.target.range != "auto") return false;
  const auto source = data.source->open_report().range, target = data.target->open_report().range;
  const bool measured = source.find("..") != std::string::npos && target.find("..") != std::string::npos;
  if (!measured || source == target) return false;
  recipe.source.range = recipe.target.range = data::common_range(source, target);
  log(LogLevel::info, text("the source uses the range ", source, " and the target ", target, ": both are scaled from ",
                           recipe.source.range));
  return true;
}

/// Whether "auto" chose the channels of a side, so that they can still be changed.
bool chose_channels(const SourceSection& section, const data::Source& part) {
  return section.colour == "auto" && part.gives_files();
}

/// Repeats the grey images of one side in three channels when the other side has colour.
void widen_where_other_has_colour(const char* side, const SourceSection& section, Opened& first, Opened& second,
                                  const data::Source& other, const LogSink& log) {
  if (!is_grey(*first) || other.item_shape().size() != 3 || other.item_shape()[0] != 3 ||
      !chose_channels(section, *first))
    return;
  replace_both(first, second, [](const Opened& source) { return std::make_shared<data::GreyAsRgb>(source); });
  log(LogLevel::info, text("the ", side,
                           " is grey and the other side has colour: the grey is repeated in three channels. To train "
                           "on grey alone, set ",
                           side == std::string("source") ? "target" : "source", ".colour = \"grey\""));
}

/// Puts the sources of one side into standard units.
void wrap(Opened& first, Opened& second, const data::Columns& columns) {
  replace_both(first, second,
               [&](const Opened& source) { return std::make_shared<data::StandardisedSource>(source, columns); });
}

/// Puts the columns of both sides' tables into the order of `columns`. If that names none, the target takes the order
/// of the source.
void order_columns(TrainingData& data, const data::ColumnNames& columns, const Recipe& recipe, const LogSink& log) {
  const auto order = [&](Opened& kept, Opened& held, const std::vector<std::string>& names, const std::string& role,
                         const std::string& held_path) {
    const bool same = kept == held;
    kept = data::select_columns(kept, names, role, log);
    // The held-out part belongs to the same table, whose messages the log has already, or is a table of its own.
    held = same ? kept : data::select_columns(held, names, held_path, held_path.empty() ? silent() : log);
  };
  auto known = columns.completed();
  if (known.source.empty()) {
    known = data::ColumnNames{data.source->table_names().columns, data.target->table_names().columns}.completed();
    known.target.clear();  // these names are in the source's order, but the target is not yet: pair_columns sorts it
  }
  order(data.source, data.held_source, known.source, "the source", recipe.eval.source);
  if (known.target.empty()) {
    auto paired = data::pair_columns(*data.source, data.target, log);
    if (data.held_target == data.target) data.held_target = paired;
    data.target = std::move(paired);
    known.target = data::ColumnNames{known.source, data.target->table_names().columns}.completed().target;
  }
  order(data.target, data.held_target, known.target, "the target", recipe.eval.target);
}

/// Remedies for the lost columns of one side, a sentence for each cause.
std::vector<std::string> remedies(const data::Source& side, const std::vector<int64_t>& columns,
                                  const std::vector<data::LossCause>& causes, const std::string& form) {
  std::vector<std::string> out;
  for (const auto cause : {data::LossCause::offset, data::LossCause::sides_apart, data::LossCause::stretched}) {
    std::vector<int64_t> own;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (causes[i] == cause) own.push_back(columns[i]);
    }
    if (own.empty()) continue;
    const auto there = own.size() == columns.size() ? std::string("there")
                                                    : "in " + data::column_labels(side.table_names().columns, own);
    if (cause == data::LossCause::sides_apart) {
      out.push_back(text("The two sides lie far apart ", there, ": set data.standardise = \"each\""));
    } else if (cause == data::LossCause::stretched) {
      out.push_back(text("A few values far from the others stretch the scale ", there,
                         ": leave out the rows of such values (", user_word("data::check_table()"),
                         " lists those that look like fill values), or transform the column"));
    } else if (form == "off") {
      out.emplace_back("Set data.standardise = \"joint\" (or \"scale\", \"each\"), which subtracts the mean in double");
    } else {
      out.push_back(text("The rows are far from those on which the standardisation was measured ", there,
                         ": start a new training, which measures it again"));
    }
  }
  return out;
}

/// Columns whose differences the nets cannot represent, because they compute in float32. Warns of them.
data::LostColumns find_lost_columns(const TrainingData& data, const Recipe& recipe, const LogSink& log) {
  constexpr int64_t kRows = 4096;
  const auto stream = [&] { return RandomStreams(static_cast<uint64_t>(recipe.train.seed)).at("lost columns", 0); };
  const auto& form = recipe.data.standardise;
  data::LostColumns lost;
  lost.source = data::lost_columns(*data.source, kRows, stream());
  lost.target = data::lost_columns(*data.target, kRows, stream());
  if (!lost.any()) return lost;
  std::string sides;
  std::vector<std::string> advice;
  for (const auto& [side, source, other, columns] :
       {std::tuple{"source", data.source.get(), data.target.get(), &lost.source},
        {"target", data.target.get(), data.source.get(), &lost.target}}) {
    if (columns->empty()) continue;
    sides += (sides.empty() ? "" : "; ") + text(side, " columns ",
                                                data::column_labels(source->table_names().columns, *columns), " (",
                                                columns->size(), " of ", source->item_shape()[0], ")");
    const auto causes = data::loss_causes(*source, form == "each" ? nullptr : other, *columns, kRows, stream());
    for (auto& line : remedies(*source, *columns, causes, form)) {
      if (std::find(advice.begin(), advice.end(), line) == advice.end()) advice.push_back(std::move(line));
    }
  }
  log(LogLevel::warning, text("columns that float32 cannot hold",
                              form == "off" ? ", because their offset is far beyond their spread: " : ": ", sides,
                              ". Nets compute in float32, so rows that differ there look alike, and no metric "
                              "can judge the map in these columns. ",
                              join(advice, ". ")));
  return lost;
}

}  // namespace

void standardise(TrainingData& data, const data::Standardisation& standardisation) {
  wrap(data.source, data.held_source, standardisation.source);
  wrap(data.target, data.held_target, standardisation.target);
  data.standardisation = standardisation;
}

void select_columns(EvaluationData& data, const data::ColumnNames& columns, const LogSink& log) {
  data.source = data::select_columns(data.source, columns.source, "the source", log);
  replace_both(data.target, data.target_b,
               [&](const Opened& target) { return data::select_columns(target, columns.target, "the target", log); });
}

void standardise(EvaluationData& data, const data::Standardisation& standardisation) {
  data.source = std::make_shared<data::StandardisedSource>(data.source, standardisation.source);
  wrap(data.target, data.target_b, standardisation.target);
}

void check_output_options(const Recipe& recipe, const std::vector<int64_t>& item_shape) {
  require(recipe.output.range.empty() || item_shape.size() == 1, "output.range = \"", recipe.output.range,
          "\": only vectors are clamped to a range, but these are images, which are in [-1, 1]; leave it empty");
  require(recipe.output.size.empty() || item_shape.size() == 3, "output.size = \"", recipe.output.size,
          "\": only images have a size, but these are vectors; leave it empty");
  const auto size = parse_output_size(recipe.output.size, "output.size").kind;
  const bool other_sizes = size != OutputSize::Kind::automatic && size != OutputSize::Kind::train;
  require(!other_sizes || solve::map_image_sizes(recipe, item_shape), "output.size = \"", recipe.output.size,
          "\": the net of this recipe takes images of the training's size alone; leave it empty or name train");
}

void resolve_images(Recipe& recipe, const TrainingData& data) {
  resolve_section(recipe.source, *data.source);
  resolve_section(recipe.target, *data.target);
}

namespace {

void open_parts(TrainingData& data, const Recipe& recipe, const TrainingDataOptions& options) {
  const SideOpener opener(recipe, options.log, options.progress);
  std::tie(data.source, data.held_source) =
      opener.open_parts("source", recipe.source, recipe.eval.source, options.source);
  std::tie(data.target, data.held_target) =
      opener.open_parts("target", recipe.target, recipe.eval.target, options.target);
}

/// Standardises with the numbers of the checkpoint, or with those that the root measures.
void standardise_by_recipe(TrainingData& data, const Recipe& recipe, const TrainingDataOptions& options,
                           dist::ProcessGroup& group) {
  auto numbers = options.standardisation;
  if (!numbers) {
    if (group.is_root()) {
      numbers = data::measure_columns(*data.source, *data.target, recipe.data.standardise,
                                      static_cast<uint64_t>(recipe.train.seed), options.log);
    }
    numbers = broadcast_from_root(group, numbers);
  }
  standardise(data, *numbers);
}

void warn_of_fill_values(const TrainingData& data, const Recipe& recipe, const LogSink& log) {
  constexpr int64_t kRows = 16'384, kSlowRows = 512;
  const auto found = [&](const data::Source& source) {
    return data::find_fill_values(data::raw_source(source), source.is_quick() ? kRows : kSlowRows,
                                  RandomStreams(static_cast<uint64_t>(recipe.train.seed)).at("fill values", 0));
  };
  data::warn_of_fill_values(*data.source, found(*data.source), *data.target, found(*data.target), log);
}

void require_same_items(const TrainingData& data, dist::ProcessGroup& group) {
  const auto items = [](const data::Source& source) {
    return text(source.size(), " items of ", at::IntArrayRef(source.item_shape()), " ",
                join(source.table_names().columns));
  };
  group.require_same("source.path", items(*data.source));
  group.require_same("target.path", items(*data.target));
}

}  // namespace

TrainingData open_training_data(const Recipe& whole_recipe, const TrainingDataOptions& options,
                                dist::ProcessGroup& group) {
  auto recipe = whole_recipe;
  const int64_t cache_mb = recipe.data.cache_mb;
  recipe.data.cache_mb = std::max<int64_t>(cache_mb / group.location().local_size, cache_mb > 0 ? 1 : 0);
  TrainingData data;
  open_parts(data, recipe, options);
  if (!options.source && !options.target && set_common_range(recipe, data, options.log)) {
    data = {};  // frees the memory of the first pair before the second pair is opened
    open_parts(data, recipe, options);
  }
  check_output_options(recipe, data.source->item_shape());
  const auto source_before = data.source;
  widen_where_other_has_colour("source", recipe.source, data.source, data.held_source, *data.target, options.log);
  widen_where_other_has_colour("target", recipe.target, data.target, data.held_target, *source_before, options.log);
  order_columns(data, options.columns, recipe, options.log);
  if (group.is_root()) {
    data.source_fingerprint = data::fingerprint(*data.source);
    data.target_fingerprint = data::fingerprint(*data.target);
  }
  const bool standardised = recipe.data.standardise != "off";
  if (standardised) standardise_by_recipe(data, recipe, options, group);
  // measure_columns has warned of fill values already.
  const bool measured = standardised && !options.standardisation;
  if (!measured && group.is_root()) warn_of_fill_values(data, recipe, options.log);
  data.lost = find_lost_columns(data, recipe, options.log);
  require_same_items(data, group);
  return data;
}

EvaluationData open_evaluation_data(const Recipe& recipe, const LogSink& log, const data::ProgressCallback& progress) {
  const SideOpener opener(recipe, log, progress);
  EvaluationData data;
  data.source = recipe.eval.source.empty() ? opener.open_parts("source", recipe.source, "").second
                                           : opener.open("eval.source", recipe.source, recipe.eval.source);
  if (recipe.eval.target.empty()) {
    std::tie(data.target_b, data.target) = opener.open_parts("target", recipe.target, "");
    return data;
  }
  data.target = opener.open("eval.target", recipe.target, recipe.eval.target);
  try {
    data.target_b = opener.open("target", recipe.target, recipe.target.path);
  } catch (const InputError& error) {
    log(LogLevel::warning, text("cannot open the training target, the reference of the floor (", error.what(),
                                "); comparing the two halves of ", data.target->name(), " instead"));
    data.target_b = data.target;
  }
  return data;
}

}  // namespace monge::train
