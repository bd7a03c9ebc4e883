#include "monge/session/translation_input.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/random.h"
#include "monge/core/user_words.h"
#include "monge/core/version.h"
#include "monge/data/array_path.h"
#include "monge/data/column_names.h"
#include "monge/data/image_collection.h"
#include "monge/data/lost_columns.h"
#include "monge/data/member_path.h"
#include "monge/data/native_images.h"
#include "monge/data/open.h"
#include "monge/data/row_source.h"
#include "monge/data/standardise.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/model/displacement.h"
#include "monge/model/tiles.h"
#include "monge/run/cells_output.h"
#include "monge/session/translation_size.h"
#include "monge/train/training_data.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;

/// The file or folder that a path names, without the prefix before ":" and the options after "?".
fs::path place_of(const std::string& in) {
  if (run::kind_of(in) == run::DataKind::table) return data::array_path(in).file;
  return data::member_path(in).set;
}

std::vector<fs::path> files_of(const fs::path& place) {
  std::error_code ignored;
  return fs::exists(place, ignored) ? std::vector{place} : data::expand_shards(place.string());
}

/// "in tiles of up to 512 x 512 pixels, blended", if an image is larger than a tile.
std::string tile_words(const model::Model& model, const TranslateOptions& options, const ImageSize& largest) {
  const int64_t tile = model::tile_side(model, options.tile);
  return std::max(largest.width, largest.height) <= tile
             ? ""
             : text("; large ones in blended tiles of up to ", tile, " x ", tile, " pixels");
}

/// Images that keep their own sizes, all or some of them; nothing if none does. The model then takes any size.
std::shared_ptr<const data::Source> open_own_sizes(model::Model& model, const data::SourceOptions& source,
                                                   const OutputSize& choice, const TranslateOptions& options,
                                                   const LogSink& log) {
  using Kind = OutputSize::Kind;
  if (choice.kind == Kind::train || choice.kind == Kind::given || !data::holds_images(source.path)) return nullptr;
  const bool residual = choice.kind == Kind::residual, all = residual || choice.kind == Kind::keep;
  if (!all && !data::any_keeps_own_size(source.path, choice.size, silent())) return nullptr;
  const auto images = std::make_shared<data::NativeImageSource>(
      source.path, source.images, log, all ? data::OwnSize::always : data::OwnSize::larger_or_other_shape);
  const bool has_trained_size = model.item_shape[1] > 0;
  const bool one = images->own_sizes() == 1;
  const auto which =
      residual ? text(images->size(), one ? " image keeps its size" : " images keep their sizes", "; the change of ",
                      one ? "a copy" : "copies", " at ", text_of(choice.size), " pixels is enlarged and added")
      : all    ? text(images->size(), one ? " image" : " images", ", each translated at its own size")
               : text(images->own_sizes(), " of ", images->size(), images->size() == 1 ? " image" : " images",
                   one ? " is" : " are", " larger than the ", choice.size.width, " x ", choice.size.height,
                      " pixels of the training or of another shape and ", one ? "keeps its size" : "keep their size");
  log(LogLevel::info, text(images->name(), ": ", which, residual ? "" : tile_words(model, options, images->largest()),
                           " (", user_word("TranslateOptions::size"), " ", has_trained_size ? "train" : "N",
                           " crops and resizes ", one ? "it)" : "them)"));
  model = model.at_any_size();
  return images;
}

std::shared_ptr<const data::Source> open_source_for(model::Model& model, const std::string& in,
                                                    const TranslateOptions& options, const std::string& on_error,
                                                    const LogSink& log) {
  // The array for a state dict without a recipe is used unchanged, because it may carry its noise channels.
  if (!model.recipe && lower_extension(in) == ".npy" && !fs::is_directory(in)) {
    const auto array = io::map_npy(in);
    if (array.dim() == 4 && array.is_floating_point()) return std::make_shared<data::RowSource>(in, array);
  }
  data::SourceOptions source;
  if (model.recipe) source = train::source_options(model.recipe->source, *model.recipe);
  source.path = in;
  source.images.cache_mb = 0;
  source.images.on_error = on_error;
  source.images.bits = 16;
  source.images.log_notes = false;  // translate reports the notes of all images together at the end
  if (!model.recipe) source.images.colour = model.item_shape[0] == 1 ? "grey" : "rgb";
  const auto choice = size_choice(options, model);
  if (choice.size.width > 0) source.images.size = choice.size;
  if (auto images = open_own_sizes(model, source, choice, options, log)) return images;
  if (choice.kind == OutputSize::Kind::given && data::holds_images(in)) model = model.at_any_size();
  return data::open_source(source, log);
}

/// Whether `path` is `folder` or lies in it; the paths need not exist.
bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto inner = fs::weakly_canonical(path), outer = fs::weakly_canonical(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// The place of the outputs of an open input. @throws InputError unless `out` can hold them.
run::StepPlace checked_place(const TranslationInput& input, const std::string& in, const std::string& out,
                             int64_t steps, const dist::ProcessGroup& group) {
  const auto kind = run::kind_of(in, *input.source);
  run::StepPlace place;
  for (const auto& file : input.files) place = run::step_place(kind, file, out, steps);
  require(kind != run::DataKind::table || !run::is_text_table(out) || input.source->item_shape().size() == 1, out,
          ": a text table cannot hold images; name a .npy file");
  if (group.size() > 1 && kind != run::DataKind::folder) {
    throw InputError({.what = "several ranks can write only folders",
                      .where = "OUT",
                      .value = out,
                      .fix = "use folders, or start one process"});
  }
  return place;
}

/// Warns of columns whose differences float32 cannot represent: rows that differ only there have the same output. As in
/// training, this is no error.
void warn_of_lost_columns(const model::Model& model, std::shared_ptr<const data::Source> source, const LogSink& log) {
  constexpr int64_t kRows = 4096;
  const auto names = source->table_names().columns;
  if (model.standardisation) source = std::make_shared<data::StandardisedSource>(source, model.standardisation->source);
  const auto stream = RandomStreams(0).at("lost columns", 0);
  const auto lost = data::lost_columns(*source, kRows, stream.clone());
  if (lost.empty()) return;
  const auto causes = data::loss_causes(*source, nullptr, lost, kRows, stream);
  const bool stretched = std::find(causes.begin(), causes.end(), data::LossCause::offset) == causes.end();
  log(LogLevel::warning,
      text(source->name(), ": the map computes in float32, which cannot hold ", lost.size(), " columns, ",
           stretched ? "whose spread is far below the scale of the training: "
                     : "whose offset is far beyond their spread: ",
           data::column_labels(names, lost), ". The outputs do not depend on them; ",
           !model.standardisation ? "train with data.standardise = \"joint\" or another form of it"
           : stretched
               ? "outliers (see monge data check) stretched that scale, or the two sides of the training lay far apart"
               : "these rows lie far from those of the training"));
}

/// What a .h5ad file says of the outputs in it. The columns are set later.
run::CellsFormat cells_format(const model::Model& model, const std::string& in, const TranslateOptions& options) {
  run::CellsFormat out{.in = in};
  out.metadata = {{"version", version()}, {"model", model.origin}, {"input", in}, {"seed", options.seed}};
  if (model.reversed) out.metadata.emplace_back("inverse", int64_t{1});
  if (options.samples > 1) out.metadata.emplace_back("samples", options.samples);
  if (options.noise_scale != 1 && !options.noiseless()) out.metadata.emplace_back("noise_scale", options.noise_scale);
  if (options.t) out.metadata.emplace_back("t", *options.t);
  if (options.steps > 0) out.metadata.emplace_back("steps", options.steps);
  if (!options.range.empty()) out.metadata.emplace_back("range", options.range);
  return out;
}

/// The range of 16-bit outputs. It is the range that the training's target was scaled from, so that outputs have its
/// units.
io::SampleRange output_range(const model::Model& model) {
  return model.recipe && model.recipe->target.range != "auto"
             ? io::parse_range(model.recipe->target.range, "target.range")
             : io::SampleRange();
}

}  // namespace

void apply_state_dict_options(const StateDictOptions& options, model::Model& model) {
  if (options.size.width > 0) {
    const auto size = text_of(options.size);
    require(model.item_shape.size() == 3, user_word("TranslateOptions::size"), " ", size,
            ": this map takes vectors, which have no size");
    const ImageSize trained(model.item_shape[2], model.item_shape[1]);
    require(trained.width == 0 || options.size == trained, user_word("TranslateOptions::size"), " ", size,
            ": this map was trained at ", text_of(trained), " pixels and accepts no other size");
  }
  if (options.z_std > 0) {
    require(!model.recipe, user_word("StateDictOptions::z_std"), " ", options.z_std,
            ": this model's recipe sets the standard deviation of its noise; leave the flag out");
    require(model.noise.channels > 0, user_word("StateDictOptions::z_std"), " ", options.z_std,
            ": this map has no noise");
    model.noise.std = options.z_std;
  }
}

void apply_noise_options(const TranslateOptions& options, model::Model& model) {
  model.deterministic = options.noiseless();
  model.set_noise_scale(model.deterministic ? 1 : options.noise_scale);
}

std::vector<double> times_of(const TranslateOptions& options) {
  constexpr int64_t kMostSteps = 1000;
  require(!options.t || options.steps == 0, user_word("TranslateOptions::t"), " and ",
          user_word("TranslateOptions::steps"), ": choose one; ", user_word("TranslateOptions::steps"), " ",
          options.steps, " writes all steps from t = 0 to t = 1, ", user_word("TranslateOptions::t"), " one of them");
  require(options.steps == 0 || (options.steps >= 2 && options.steps <= kMostSteps),
          user_word("TranslateOptions::steps"), " ", options.steps, ": allowed is 2 to ", kMostSteps,
          "; the first step is the input, the last one the output");
  if (options.t && !(*options.t >= 0 && *options.t <= 1)) {  // also what is not a number
    throw InputError({.what = "the interpolation is between an input and its output",
                      .where = user_word("TranslateOptions::t"),
                      .value = text(*options.t),
                      .allowed = "0 (the input) to 1 (the output)"});
  }
  if (options.steps > 0) return model::equidistant_times(options.steps);
  return {options.t.value_or(1)};
}

void prepare_for_translation(model::Model& model, const TranslateOptions& options) {
  times_of(options);  // throws for t and steps that are not allowed
  apply_noise_options(options, model);
  apply_state_dict_options({.size = 0, .z_std = options.state_dict.z_std}, model);
  size_choice(options, model);  // throws for a size that the map does not take
  if (!options.range.empty()) model.set_output_range(options.range);
  if (options.samples > 1 && !model.stochastic()) {
    const std::string by = options.deterministic      ? " by " + user_word("TranslateOptions::deterministic")
                           : options.noise_scale == 0 ? " by " + user_word("TranslateOptions::noise_scale") + " 0"
                                                      : "";
    throw InputError({.what = text("this map is deterministic", by, ": it has one output per input"),
                      .where = user_word("TranslateOptions::samples"),
                      .value = std::to_string(options.samples),
                      .allowed = "1",
                      .fix = "the methods weak, kernel and otp learn several outputs"});
  }
  require(options.samples >= 1 && options.samples <= 1024, user_word("TranslateOptions::samples"), " ", options.samples,
          ": allowed is 1 to 1024");
  require(options.seed >= 0, user_word("TranslateOptions::seed"), " ", options.seed, ": allowed is 0 or more");
  require(options.batch >= 0, user_word("TranslateOptions::batch"), " ", options.batch,
          ": allowed is 0 (automatic) or more");
  require(options.noise == "item" || options.noise == "fixed", user_word("TranslateOptions::noise"), " ", options.noise,
          ": allowed is item or fixed");
  constexpr int64_t kLeastTile = 16, kMostTile = 16384;
  require(options.tile == 0 || (options.tile >= kLeastTile && options.tile <= kMostTile),
          user_word("TranslateOptions::tile"), " ", options.tile, ": allowed is 0 (automatic) or ", kLeastTile, " to ",
          kMostTile, " pixels");
  require(options.bits == "auto" || options.bits == "8" || options.bits == "16", user_word("TranslateOptions::bits"),
          " ", options.bits, ": allowed is auto, 8 or 16");
  if (!options.weights.empty() && !model.sample_weights) {
    throw InputError({.what = "all samples have the weight 1: the training was not unbalanced",
                      .where = user_word("TranslateOptions::weights"),
                      .value = options.weights.string(),
                      .fix = "leave it out, or train with unbalanced.source or unbalanced.target"});
  }
  require(options.grid.empty() || model.item_shape.size() == 3, user_word("TranslateOptions::grid"), " ",
          options.grid.string(), ": a grid needs images");
}

void check_translation_paths(const std::string& in_path, const std::string& out_path, const TranslateOptions& options) {
  const auto in = place_of(in_path);
  const auto out = run::output_file(out_path).string();
  const auto grid = options.grid.string();
  times_of(options);  // throws for t and steps that are not allowed
  require_usable_name(out, "OUT");
  require_usable_name(options.grid, user_word("TranslateOptions::grid"));
  require_usable_name(options.weights, user_word("TranslateOptions::weights"));
  std::error_code ignored;
  require(fs::exists(in, ignored) || data::images_exist(in_path), in.string(), ": no such file or folder");
  require(!fs::equivalent(in, out, ignored), out, ": is the input itself; choose another OUT");
  require(!lies_in(out, in), out, ": lies in the input ", in_path,
          ", where the next translation would read it as an input; choose another OUT");
  if (!options.weights.empty()) {
    const auto weights = options.weights.string();
    require(run::is_text_table(weights) || lower_extension(weights) == ".npy", user_word("TranslateOptions::weights"),
            " ", weights, ": must name a .npy, .csv or .tsv file");
    require(!lies_in(weights, in) && !lies_in(weights, out), user_word("TranslateOptions::weights"), " ", weights,
            ": lies among the inputs or outputs; choose another file");
    make_writable_folder(fs::absolute(weights).parent_path());
  }
  if (grid.empty()) return;
  require(io::has_output_extension(grid), user_word("TranslateOptions::grid"), " ", grid, ": must name a ",
          io::kOutputFormats, " file");
  require(!lies_in(grid, in) && !lies_in(grid, out), user_word("TranslateOptions::grid"), " ", grid,
          ": lies among the inputs or outputs; choose another file");
  make_writable_folder(fs::absolute(grid).parent_path());
}

void take_size_of_arrays(model::Model& model, const data::Source& source, const TranslateOptions& options) {
  const auto item = source.item_shape();
  if (model.item_shape.size() != 3 || item.size() != 3 || item[1] == 0) return;
  using Kind = OutputSize::Kind;
  const auto choice = size_choice(options, model);
  const ImageSize size(item[2], item[1]);
  require(choice.kind != Kind::given || choice.size == size, user_word("TranslateOptions::size"), " ",
          text_of(choice.size), ": the images of ", source.name(), " have ", text_of(size),
          " pixels, and only image files are resized; leave ", user_word("TranslateOptions::size"), " out");
  if (choice.kind == Kind::train || model.item_shape[1] == 0) return;
  if (size != ImageSize(model.item_shape[2], model.item_shape[1])) model = model.at_any_size();
}

TranslationInput open_translation_input(model::Model& model, const std::string& in, const std::string& out,
                                        const TranslateOptions& options, const dist::ProcessGroup& group,
                                        const LogSink& log) {
  if (!options.weights.empty() && group.size() > 1) {
    throw InputError({.what = "one process writes the weights",
                      .where = user_word("TranslateOptions::weights"),
                      .value = text(group.size(), " ranks"),
                      .allowed = "1",
                      .fix = "start a single process"});
  }
  const auto trained = model.item_shape;
  TranslationInput input;
  const std::string of_recipe = model.recipe ? model.recipe->source.on_error : data::ImageOptions().on_error;
  const auto on_error = options.on_error.empty() ? of_recipe : options.on_error;
  input.skips_unusable = data::on_error_names().at(on_error, "on_error") == data::OnError::skip;
  input.source = open_source_for(model, in, options, on_error, log);
  input.files = files_of(place_of(in));
  input.place = checked_place(input, in, out, std::max<int64_t>(1, options.steps), group);
  input.kind = input.place.kind;
  if (input.place.layout == run::StepLayout::cells) input.place.cells_format = cells_format(model, in, options);
  input.range = output_range(model);
  input.source = data::select_columns(std::move(input.source), model.columns.source, "IN", log);
  take_size_of_arrays(model, *input.source, options);
  model.require_takes(input.source->item_shape());
  if (const auto item = input.source->item_shape(); !options.weights.empty() && item != trained) {
    throw InputError(
        {.what = "the potential takes items of the training's shape alone",
         .where = user_word("TranslateOptions::weights"),
         .value = item[item.size() - 1] == 0 ? "images of their own sizes" : text(torch::IntArrayRef(item)),
         .allowed = text(torch::IntArrayRef(trained)),
         .fix = "add " + user_word("TranslateOptions::size") + " train"});
  }
  warn_of_lost_columns(model, input.source, log);
  input.place.cells_format.columns = input.source->table_names().columns;
  input.place.cells_format.type = input.source->number_type();
  return input;
}

std::optional<io::SampleRange> sixteen_bit_range(const TranslationInput& input, int64_t item, const std::string& out,
                                                 const TranslateOptions& options) {
  if (options.bits == "8" || input.kind == run::DataKind::table) return std::nullopt;
  if (options.bits == "16") return input.range;
  const bool by_item = input.kind != run::DataKind::image || input.place.layout == run::StepLayout::images;
  const auto name = by_item ? run::output_name(input.source->item_name(item), 0, 1) : fs::path(out);
  if (!io::holds_sixteen_bits(name) || input.source->sample_bits(item) != 16) return std::nullopt;
  return input.range;
}

std::vector<run::TableFormat> table_formats_for(const model::Model& model, const data::Source& source,
                                                const std::vector<double>& times) {
  run::TableFormat format{.type = source.number_type(), .names = source.table_names(), .steps = {}};
  if (!model.output_columns().empty()) format.names.columns = model.output_columns();
  std::vector<run::TableFormat> formats(times.size(), format);
  if (!model.standardisation) return formats;
  for (size_t k = 0; k < times.size(); ++k) {
    if (times[k] == 0) continue;
    // What float32 cannot resolve of T has the weight t.
    formats[k].steps = model.standardisation->target.resolution();
    for (auto& step : formats[k].steps) step *= times[k];
  }
  return formats;
}

}  // namespace monge::session
