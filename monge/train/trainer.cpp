#include "monge/train/trainer.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"
#include "monge/data/fill_values.h"
#include "monge/data/fingerprint.h"
#include "monge/data/grey_as_rgb.h"
#include "monge/data/image_survey.h"
#include "monge/data/images.h"
#include "monge/data/open.h"
#include "monge/data/split.h"
#include "monge/solve/nets.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/source_check.h"

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

namespace fs = std::filesystem;

int64_t product(const std::vector<int64_t>& shape) {
  int64_t out = 1;
  for (const int64_t extent : shape) out *= extent;
  return out;
}

using Opened = std::shared_ptr<const data::Source>;

/// Opens a source for one side; errors say which side it was.
Opened open_side(const std::string& side, SourceSection section, const std::string& path, const Recipe& recipe,
                 const LogSink& log, const data::ProgressCallback& progress) {
  section.path = path;
  try {
    return data::open_source(source_options(section, recipe), log, progress);
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    throw Error(side + ": " + error.what());
  }
}

/// Where "auto" has been found out on one set of a side, other sets of it are opened by the same.
void resolve(SourceSection& section, const data::Source& source) {
  const auto shape = source.item_shape();
  if (section.colour == "auto" && shape.size() == 3) section.colour = shape[0] == 1 ? "grey" : "rgb";
  if (section.range != "auto") return;
  const auto measured = source.open_report().range;
  section.range = measured.empty() ? "full" : measured;
}

/// The two parts of one side: what is trained on and what is held out.
std::pair<Opened, Opened> split(const std::string& side, SourceSection section, const std::string& held_path,
                                const Recipe& recipe, const LogSink& log, const data::ProgressCallback& progress) {
  const auto whole = open_side(side, section, section.path, recipe, log, progress);
  resolve(section, *whole);
  if (!held_path.empty()) return {whole, open_side("eval." + side, section, held_path, recipe, log, progress)};
  const int64_t held = static_cast<int64_t>(static_cast<double>(whole->size()) * recipe.eval.holdout);
  if (whole->endless()) return {whole, whole};
  if (held < 2) {
    log(LogLevel::warning, text(side, ": of ", whole->size(), " items none can be held out (eval.holdout = ",
                                recipe.eval.holdout, "), so the figures are of samples that are trained on"));
    return {whole, whole};
  }
  // One stream for both sides: of a set that is on both, the same items are held out.
  const auto parts =
      recipe.eval.split == "last"
          ? data::hold_out(whole, held)
          : data::hold_out(whole, held, RandomStreams(static_cast<uint64_t>(recipe.train.seed)).at("hold out", 0));
  return {parts.kept, parts.held_out};
}

/// Replaces the two sources of one side by what `change` makes of them; what was one source stays one.
template <class Change>
void replace_both(Opened& first, Opened& second, const Change& change) {
  const bool same = first == second;
  first = change(first);
  second = same ? first : change(second);
}

bool is_grey(const data::Source& source) { return source.item_shape().size() == 3 && source.item_shape()[0] == 1; }

/// Where both sides measured a range and found two, sets one in the recipe that holds both: the cost compares their
/// values, and a value must be the same grey on both. @return whether it did, so that they must be opened by it.
bool share_range(Recipe& recipe, const TrainingData& data, const LogSink& log) {
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

/// Grey images of one side in three channels where the other side has colour.
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

/// The sources of one side in standard units.
void wrap(Opened& first, Opened& second, const data::Columns& columns) {
  replace_both(first, second,
               [&](const Opened& source) { return std::make_shared<data::StandardisedSource>(source, columns); });
}

/// Brings the tables of both sides into the order of `columns`, and where that names none the target into that of the
/// source.
void order_columns(TrainingData& data, const data::ColumnNames& columns, const Recipe& recipe, const LogSink& log) {
  const auto order = [&](Opened& kept, Opened& held, const std::vector<std::string>& names, const std::string& role,
                         const std::string& held_path) {
    const bool same = kept == held;
    kept = data::select_columns(kept, names, role, log);
    // What is held out is a part of the same table, of which the log knows, or a table of its own.
    held = same ? kept : data::select_columns(held, names, held_path, held_path.empty() ? silent() : log);
  };
  auto known = columns.completed();
  if (known.source.empty()) {
    known = data::ColumnNames{data.source->table_names().columns, data.target->table_names().columns}.completed();
    known.target.clear();  // in the order of the source, which is not yet brought about
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

/// @throws Error where outputs would be images, which are in [-1, 1].
void check_output_range(const Recipe& recipe, const data::Source& source) {
  require(recipe.output.range.empty() || source.item_shape().size() == 1, "output.range = \"", recipe.output.range,
          "\": only vectors are clamped to a range of their own, and these are images, which are in [-1, 1]; leave it "
          "empty");
}

/// What to do about the lost columns of one side, a sentence for each cause.
std::vector<std::string> cures(const data::Source& side, const std::vector<int64_t>& columns,
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
                         ": leave out the rows of such values (monge data check ",
                         "lists those that look like fill values), or transform the column"));
    } else if (form == "off") {
      out.emplace_back("Set data.standardise = \"joint\" (or \"scale\", \"each\"), which subtracts the mean in double");
    } else {
      out.push_back(text("The rows lie far from those by which the standardisation was measured ", there,
                         ": start a training that measures it anew"));
    }
  }
  return out;
}

/// What the nets will not see, because they compute in float32.
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
    for (auto& line : cures(*source, *columns, causes, form)) {
      if (std::find(advice.begin(), advice.end(), line) == advice.end()) advice.push_back(std::move(line));
    }
  }
  log(LogLevel::warning, text("columns that float32 cannot hold",
                              form == "off" ? ", because their offset is far beyond their spread: " : ": ", sides,
                              ". solve::Nets compute in float32, so rows that differ there look alike, and no metric "
                              "can judge the map in these columns. ",
                              join(advice, ". ")));
  return lost;
}

/// To the last bit.
bool equal(const data::Standardisation& a, const data::Standardisation& b) {
  const auto mine = data::tensors_of(a), other = data::tensors_of(b);
  return std::equal(mine.begin(), mine.end(), other.begin(),
                    [](const auto& x, const auto& y) { return torch::equal(x.second, y.second); });
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

void resolve_images(Recipe& recipe, const TrainingData& data) {
  resolve(recipe.source, *data.source);
  resolve(recipe.target, *data.target);
}

TrainingData open_training_data(const Recipe& whole_recipe, const LogSink& log,
                                const std::function<void(int64_t, int64_t)>& progress,
                                const std::optional<data::Standardisation>& known, dist::ProcessGroup* group,
                                const data::ColumnNames& columns) {
  auto recipe = whole_recipe;
  if (group)
    recipe.data.cache_mb =
        std::max<int64_t>(recipe.data.cache_mb / group->location().local_size, recipe.data.cache_mb > 0 ? 1 : 0);
  TrainingData data;
  std::tie(data.source, data.held_source) = split("source", recipe.source, recipe.eval.source, recipe, log, progress);
  std::tie(data.target, data.held_target) = split("target", recipe.target, recipe.eval.target, recipe, log, progress);
  if (share_range(recipe, data, log)) {
    data = {};  // the memory of the one pair before the other
    std::tie(data.source, data.held_source) = split("source", recipe.source, recipe.eval.source, recipe, log, progress);
    std::tie(data.target, data.held_target) = split("target", recipe.target, recipe.eval.target, recipe, log, progress);
  }
  check_output_range(recipe, *data.source);
  const auto source_before = data.source;
  widen_where_other_has_colour("source", recipe.source, data.source, data.held_source, *data.target, log);
  widen_where_other_has_colour("target", recipe.target, data.target, data.held_target, *source_before, log);
  order_columns(data, columns, recipe, log);
  if (!group || group->is_root()) {
    data.source_fingerprint = data::fingerprint(*data.source);
    data.target_fingerprint = data::fingerprint(*data.target);
  }
  if (recipe.data.standardise != "off") {
    const auto seed = static_cast<uint64_t>(recipe.train.seed);
    auto numbers = known;
    if (!numbers && (!group || group->is_root())) {
      numbers = data::measure_columns(*data.source, *data.target, recipe.data.standardise, seed, log);
    }
    if (group && !known) numbers = broadcast_from_root(*group, numbers);
    standardise(data, *numbers);
  }
  const bool were_measured = recipe.data.standardise != "off" && !known;  // and told of
  if (!were_measured && (!group || group->is_root())) {
    constexpr int64_t kRows = 16'384, kSlowRows = 512;
    const auto found = [&](const data::Source& source) {
      const auto rows = source.is_quick() ? kRows : kSlowRows;
      return data::find_fill_values(data::raw_source(source), rows,
                                    RandomStreams(static_cast<uint64_t>(recipe.train.seed)).at("fill values", 0));
    };
    data::warn_of_fill_values(*data.source, found(*data.source), *data.target, found(*data.target), log);
  }
  data.lost = find_lost_columns(data, recipe, log);
  if (group) {
    const auto items = [](const data::Source& source) {
      return text(source.size(), " items of ", at::IntArrayRef(source.item_shape()), " ",
                  join(source.table_names().columns));
    };
    group->require_same("source.path", items(*data.source));
    group->require_same("target.path", items(*data.target));
  }
  return data;
}

EvaluationData open_evaluation_data(const Recipe& recipe, const LogSink& log,
                                    const std::function<void(int64_t, int64_t)>& progress) {
  EvaluationData data;
  if (recipe.eval.source.empty()) {
    data.source = split("source", recipe.source, "", recipe, log, progress).second;
  } else {
    data.source = open_side("eval.source", recipe.source, recipe.eval.source, recipe, log, progress);
  }
  if (recipe.eval.target.empty()) {
    std::tie(data.target_b, data.target) = split("target", recipe.target, "", recipe, log, progress);
    return data;
  }
  data.target = open_side("eval.target", recipe.target, recipe.eval.target, recipe, log, progress);
  try {
    data.target_b = open_side("target", recipe.target, recipe.target.path, recipe, log, progress);
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    log(LogLevel::warning, text("the training target, which the floor is measured against, cannot be opened (",
                                error.what(), "); the two halves of ", data.target->name(), " are compared instead"));
    data.target_b = data.target;
  }
  return data;
}

Trainer::Trainer(const Recipe& recipe, TrainingData data, torch::Device device, fs::path folder, LogSink log,
                 const Files& files, std::shared_ptr<dist::ProcessGroup> group)
    : recipe_(recipe),
      data_(std::move(data)),
      folder_(std::move(folder)),
      log_(std::move(log)),
      files_(files),
      group_(std::move(group)) {
  validate(recipe_);
  resolve_images(recipe_, data_);
  require(recipe_.method != "otp" || recipe_.otp.tint == 0 || data_.source->item_shape().size() == 3,
          "otp.tint = ", recipe_.otp.tint, ": only images have a tint; set it to 0");
  require(data_.standardisation.has_value() == (recipe_.data.standardise != "off"),
          "data.standardise = ", recipe_.data.standardise, ": the data are ", data_.standardisation ? "" : "not ",
          "standardised; open_training_data opens them as the recipe says");
  check_output_range(recipe_, *data_.source);
  columns_ = data::ColumnNames{data_.source->table_names().columns, data_.target->table_names().columns}.completed();
  if (recipe_.method == "otp" && recipe_.otp.eps_end == "auto") {
    const auto shape = measure_source(*data_.source, static_cast<uint64_t>(recipe_.train.seed));
    resolve_noise_level(recipe_, shape, data_.source->size(), log_);
  }
  const auto seed = static_cast<uint64_t>(recipe_.train.seed);
  dist::slice_of_batch(recipe_.train.batch, group_.get());
  if (group_)
    recipe_.otp.eps_end =
        group_->broadcast(recipe_.otp.eps_end);  // measured by each, on another number of threads maybe
  const data::SamplerOptions sampling{.flip = recipe_.data.flip,
                                      .random_crop = recipe_.data.random_crop,
                                      .rank = group_ ? group_->rank() : 0,
                                      .group = group_ ? group_->size() : 1};
  source_sampler_ = std::make_shared<data::Sampler>(data_.source, seed, "source", sampling);
  target_sampler_ = std::make_shared<data::Sampler>(data_.target, seed, "target", sampling);
  const auto source_shape = data_.source->item_shape(), target_shape = data_.target->item_shape();
  auto nets = solve::make_nets(recipe_, source_shape, target_shape);
  solver_ = std::make_unique<solve::Solver>(recipe_, nets.map, nets.ema, nets.potential, product(source_shape), device,
                                            group_);
  ahead_ = device.is_cuda() ? 1 : 0;
}

/// Whether a set is kept on the device as a whole.
bool Trainer::keeps_on_device(const data::Source& source) const {
  const auto device = solver_->device();
  const auto& where = recipe_.data.cache;
  if (device.is_cpu() || source.endless() || (where != "auto" && where != "gpu")) return false;
  if (where == "gpu") return true;
  if (!source.is_quick()) return false;  // it would be decoded as a whole before the first iteration, without a word
  const auto one = source.stored_items({0});
  const auto bytes = static_cast<double>(one.nbytes()) * static_cast<double>(source.size());
  const auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
  const auto free = static_cast<double>(c10::getDeviceAllocator(device.type())->getMemoryInfo(index).first);
  return bytes <= free / 4;
}

solve::BatchProvider Trainer::feed() {
  const auto loader = [this](const std::shared_ptr<const data::Sampler>& sampler) {
    data::LoaderOptions options;
    options.batch = dist::slice_of_batch(recipe_.train.batch, group_.get()).length;
    options.workers = recipe_.data.workers;
    options.prefetch = recipe_.data.prefetch;
    options.device = solver_->device();
    options.type = recipe_.train.precision == "fp64" ? torch::kFloat64 : torch::kFloat32;
    options.resident = keeps_on_device(sampler->source());
    return std::make_shared<data::Loader>(sampler, options);
  };
  if (!source_loader_) {
    source_loader_ = loader(source_sampler_);
    target_loader_ = loader(target_sampler_);
  }
  return {[from = source_loader_](int64_t step) { return from->batch(step); },
          [from = target_loader_](int64_t step) { return from->batch(step); }};
}

double Trainer::data_wait() const { return source_loader_ ? source_loader_->waited() + target_loader_->waited() : 0; }

void Trainer::resume(const Checkpoint& checkpoint) {
  require(checkpoint.standardisation.has_value() == data_.standardisation.has_value() &&
              (!data_.standardisation || equal(*checkpoint.standardisation, *data_.standardisation)),
          "the data are not standardised by the numbers of the checkpoint; hand those to open_training_data");
  nn::NamedTensors own =
      group_ && !group_->is_root() ? nn::NamedTensors() : solver_->state();  // the others have rank 0's below
  require(own.size() == checkpoint.tensors.size(), "the checkpoint holds ", checkpoint.tensors.size(),
          " tensors, this recipe's training needs ", own.size());
  at::NoGradGuard no_grad;
  for (size_t i = 0; i < own.size(); ++i) {
    // Files keep their own order; names decide.
    const auto& name = own[i].first;
    const auto found = std::find_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    require(found != checkpoint.tensors.end(), "the checkpoint lacks the tensor \"", name, "\"");
    require(found->second.sizes() == own[i].second.sizes(), "the checkpoint's tensor \"", name, "\" has the shape ",
            found->second.sizes(), ", this recipe's net has ", own[i].second.sizes());
  }
  for (auto& [name, tensor] : own) {
    const auto found = std::find_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                    [&name = name](const auto& entry) { return entry.first == name; });
    tensor.copy_(found->second);
  }
  if (group_) solver_->broadcast_state();
  const bool by_rank =
      !recipe_.parallel.sync_batch_norm && recipe_.map.norm == "batch" && data_.source->item_shape().size() == 3;
  const auto change = what_stays_exact(checkpoint.ranks, group_ ? group_->size() : 1, by_rank);
  if (!change.empty()) log_(LogLevel::info, change);
  warn_of_changed_data(checkpoint);
  if (!folder_.empty()) set_aside_newer(folder_ / "checkpoints", checkpoint.iteration);
  done_ = saved_at_ = checkpoint.iteration;
  best_figure_ = checkpoint.best_figure;
  best_iteration_ = checkpoint.best_iteration;
}

void Trainer::warn_of_changed_data(const Checkpoint& checkpoint) const {
  struct Side {
    const char* name;
    const std::string& path;
    int64_t items_before, items;
    const std::string &before, &now;
  };
  for (const auto& side : {Side{"source", recipe_.source.path, checkpoint.source_items, data_.source->size(),
                                checkpoint.source_fingerprint, data_.source_fingerprint},
                           Side{"target", recipe_.target.path, checkpoint.target_items, data_.target->size(),
                                checkpoint.target_fingerprint, data_.target_fingerprint}}) {
    if (side.items_before != side.items) {
      log_(LogLevel::warning,
           text("the ", side.name, " has ", side.items, " training items now and had ", side.items_before,
                " when the checkpoint was saved; the run goes on, but not as it would have"));
    } else if (!side.before.empty() && !side.now.empty() && side.before != side.now) {  // old checkpoints have none
      log_(LogLevel::warning,
           text(side.name, ": ", side.path, " holds other values than when the checkpoint was saved; the run goes on ",
                "with what is there now, and not as it would have"));
    }
  }
}

void Trainer::start_from(const nn::NamedTensors& weights) {
  if (!group_ || group_->is_root()) {
    const auto state = solver_->state();
    const std::map<std::string, torch::Tensor> own(state.begin(), state.end());
    for (const auto& [name, tensor] : weights) {
      const auto found = own.find(name);
      require(found != own.end(), "this recipe's training has no tensor \"", name, "\"");
      require(
          found->second.numel() == tensor.numel() && (tensor.numel() == 1 || found->second.sizes() == tensor.sizes()),
          "the tensor \"", name, "\" has the shape ", tensor.sizes(), ", this recipe's net has ",
          found->second.sizes());
    }
    const at::NoGradGuard no_grad;
    for (const auto& [name, tensor] : weights) {
      auto target = own.at(name);
      target.copy_(tensor.reshape(target.sizes()));
    }
  }
  if (group_) solver_->broadcast_state();
}

fs::path Trainer::save() {
  if (group_) compare_nets();
  const auto written = write_checkpoint();
  if (group_) group_->barrier();  // nobody goes on, or ends, before it is there
  saved_at_ = done_;
  return written;
}

/// What is not the same everywhere must not become a checkpoint.
void Trainer::compare_nets() {
  drifted_ = true;
  const auto all = group_->gather(std::to_string(solver_->fingerprint()));
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    throw SystemError(
        text("after iteration ", done_, " ", group_->name_of(static_cast<int64_t>(rank)), " has other nets than ",
             group_->name_of(0),
             ": a memory or a processor of one of them is faulty, or their programs differ; nothing was saved"));
  }
  drifted_ = false;
}

fs::path Trainer::write_checkpoint() {
  if (folder_.empty()) return {};
  Checkpoint checkpoint;
  checkpoint.iteration = done_;
  checkpoint.tensors = solver_->state();
  checkpoint.standardisation = data_.standardisation;
  checkpoint.columns = columns_;
  checkpoint.recipe_toml = recipe_.options().to_toml(false);
  checkpoint.source_shape = data_.source->item_shape();
  checkpoint.target_shape = data_.target->item_shape();
  checkpoint.source_items = data_.source->size();
  checkpoint.target_items = data_.target->size();
  checkpoint.source_fingerprint = data_.source_fingerprint;
  checkpoint.target_fingerprint = data_.target_fingerprint;
  checkpoint.best_figure = best_figure_;
  checkpoint.best_iteration = best_iteration_;
  checkpoint.ranks = group_ ? group_->size() : 1;
  const auto written = save_checkpoint(folder_ / "checkpoints", checkpoint, files_);
  saved_at_ = done_;
  std::error_code none;
  prune_checkpoints(folder_ / "checkpoints", recipe_.checkpoint.keep, fs::read_symlink(folder_ / "best", none));
  for (auto* observer : observers_) observer->checkpoint_saved(*this, written);
  return written;
}

void Trainer::offer(double figure) {
  // Asked first: no comparison with what is not a number holds, so that it would pass as better.
  if (!std::isfinite(figure) || (best_figure_ && figure >= *best_figure_)) return;
  best_figure_ = figure;
  best_iteration_ = done_;
  const auto written = save();
  if (written.empty()) return;
  // A link beside its place, then renamed over it: best always points at a whole checkpoint.
  const auto link = folder_ / ".best.part";
  std::error_code ignored;
  fs::remove(link, ignored);
  fs::create_directory_symlink(fs::path("checkpoints") / written.filename(), link, ignored);
  if (ignored) {
    log_(LogLevel::warning, text((folder_ / "best").string(), ": no link can be made there (", ignored.message(),
                                 "); the best checkpoint is ", written.string(), ", but it will be pruned"));
    return;
  }
  files_.publish(link, folder_ / "best");
}

void Trainer::end_early(const std::string& reason) {
  if (done_ >= recipe_.train.iterations || !early_end_.empty()) return;
  early_end_ = reason;
  log_(LogLevel::info, text("the training ends at iteration ", done_, " of ", recipe_.train.iterations, ": ", reason));
}

void Trainer::save_what_can_be() {
  if (drifted_) return;
  try {
    // What was launched has changed the nets.
    for (; solver_->launched() > 0; ++done_) solver_->collect();
    if (saved_at_ != done_) write_checkpoint();  // alone: the other ranks may never come
  } catch (const Error&) {
    // On a full disk saving fails as well; the error on its way says why.
  }
}

bool Trainer::looked_at(int64_t done) const {
  if (done >= recipe_.train.iterations || done % recipe_.checkpoint.every == 0) return true;
  if (group_) {  // alike on all ranks, whatever is attached on this one: all must launch the same iterations before
                 // they stop
    const auto due = [done](int64_t every) { return every > 0 && done % every == 0; };
    return due(recipe_.eval.every) || due(recipe_.samples.every);
  }
  return std::any_of(observers_.begin(), observers_.end(),
                     [&](const Observer* o) { return o->looks_at_nets(*this, done); });
}

/// Tells the observers of the oldest iteration that was launched.
void Trainer::report() {
  const auto figures = solver_->collect();
  ++done_;
  stop_agreed_ = stop_agreed_ || figures.stop;
  try {
    for (auto* observer : observers_) observer->iteration_done(*this, done_, figures);
  } catch (...) {
    save_what_can_be();  // an evaluation or an image that fails must not cost the iterations before it
    throw;
  }
  if (done_ % recipe_.checkpoint.every == 0 && saved_at_ != done_) save();
}

bool Trainer::run(const std::atomic<bool>& stop) {
  const auto batches = feed();
  early_end_.clear();
  for (auto* observer : observers_) observer->started(*this, done_);
  stop_agreed_ = false;
  const auto reached = [&] { return done_ + solver_->launched(); };
  // In a job a rank's wish to stop travels with an iteration, so that all stop after the same one.
  const auto stops = [&] { return group_ ? stop_agreed_ : stop.load(); };
  while (reached() < recipe_.train.iterations && !stops() && early_end_.empty()) {
    try {
      solver_->launch(reached(), batches, stop);
    } catch (
        ...) {  // a batch that cannot be read; what was done before it is told, but not together with ranks that go on
      while (!group_ && solver_->launched() > 0) report();
      throw;
    }
    const int64_t ahead = looked_at(reached()) ? 0 : ahead_;
    while (solver_->launched() > ahead) report();
  }
  while (solver_->launched() > 0) report();
  if (saved_at_ != done_) save();
  const bool complete = done_ >= recipe_.train.iterations || !early_end_.empty();
  for (auto* observer : observers_) observer->ended(*this, done_, complete);
  return complete;
}

}  // namespace monge::train
