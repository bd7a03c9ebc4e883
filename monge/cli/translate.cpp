// monge translate: a map applied to an image, a folder, an archive or a table; the same kind comes out.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <numeric>

#include "monge/cli/bare_checkpoint.h"
#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/random.h"
#include "monge/data/arrays.h"
#include "monge/data/column_names.h"
#include "monge/data/image_collection.h"
#include "monge/data/item_label.h"
#include "monge/data/lost_columns.h"
#include "monge/data/member_path.h"
#include "monge/data/native_images.h"
#include "monge/data/open.h"
#include "monge/data/row_source.h"
#include "monge/dist/progress_reduction.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/resize.h"
#include "monge/model/model.h"
#include "monge/run/grid.h"
#include "monge/run/not_finite_outputs.h"
#include "monge/run/output_writer.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;

struct TranslateOptions {
  Common common;
  std::string model, in, out, grid, range, on_error;
  bool deterministic = false;
  int64_t samples = 1, seed = 0, batch = 0, grid_rows = 8;
  std::string bits = "auto";
  BareOptions bare;
  RanksHere here;
};

std::shared_ptr<const data::Source> open_input(const TranslateOptions& options, const model::Model& model,
                                               const LogSink& log) {
  // An array for a bare checkpoint is taken as it is: it may carry its noise channels.
  if (!model.recipe && lower_extension(options.in) == ".npy" && !fs::is_directory(options.in)) {
    const auto array = io::map_npy(options.in);
    if (array.dim() == 4 && array.is_floating_point()) return std::make_shared<data::RowSource>(options.in, array);
  }
  data::SourceOptions source;
  if (model.recipe) source = train::source_options(model.recipe->source, *model.recipe);
  source.path = options.in;
  source.images.cache_mb = 0;
  if (!options.on_error.empty()) source.images.on_error = options.on_error;
  if (options.bare.size > 0) source.images.size = options.bare.size;
  source.images.bits = 16;
  source.images.tell = false;  // what was noticed is told at the end, of all together
  if (!model.recipe) source.images.colour = model.item_shape[0] == 1 ? "grey" : "rgb";
  // A net that takes any size gives each image back at its own.
  const bool any_size = model.item_shape.size() == 3 && model.item_shape[1] == 0 && options.bare.size == 0;
  if (any_size && data::holds_images(source.path)) {
    constexpr int64_t kLeastSide = 8;  // of nn::UNet
    auto images = std::make_shared<data::NativeImageSource>(source.path, source.images, log, kLeastSide);
    log(LogLevel::info, text(images->name(), ": ", images->size(),
                             " images, each translated at its own size (--size N crops and resizes them)"));
    return images;
  }
  return data::open_source(source, log);
}

/// Of the values that 16-bit outputs are written in: what the training's target was scaled from, so that they have its
/// units.
io::SampleRange output_range(const model::Model& model) {
  return model.recipe && model.recipe->target.range != "auto"
             ? io::parse_range(model.recipe->target.range, "target.range")
             : io::SampleRange();
}

/// Whether `path` is `folder` or lies in it; names that do not exist yet count too.
bool lies_in(const fs::path& path, const fs::path& folder) {
  const auto inner = fs::weakly_canonical(path), outer = fs::weakly_canonical(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// No output may take the place of an input or be found among the inputs next time.
void check_places(const TranslateOptions& options, const fs::path& in) {
  require(!lies_in(options.out, in), options.out, ": lies in the input ", options.in,
          ", where the next translation would find it; choose another OUT");
  if (options.grid.empty()) return;
  require(io::has_image_extension(options.grid), "--grid ", options.grid,
          ": must name a .png, .jpg, .webp or .tif file");
  require(!lies_in(options.grid, in) && !lies_in(options.grid, options.out), "--grid ", options.grid,
          ": lies among the inputs or outputs; choose another file");
  make_writable_folder(fs::absolute(options.grid).parent_path());
}

/// What can be known before the model and the input are opened.
void check_paths(const TranslateOptions& options, const fs::path& in) {
  std::error_code ignored;
  require(fs::exists(in, ignored) || data::images_exist(options.in), in.string(), ": no such file or folder");
  require(!fs::equivalent(in, options.out, ignored), options.out, ": is the input itself; choose another OUT");
  check_places(options, in);
}

/// The files that are read, or the folder that holds them.
std::vector<fs::path> input_files(const fs::path& in) {
  std::error_code ignored;
  return fs::exists(in, ignored) ? std::vector{in} : data::expand_shards(in.string());
}

/// The kind of the input, when it is open. @throws Error unless OUT can take it.
run::DataKind checked_kind(const TranslateOptions& options, const data::Source& source, const fs::path& in,
                           const dist::ProcessGroup* group) {
  const auto kind = run::kind_of(options.in, source);
  for (const auto& file : input_files(in)) run::check_output(kind, file, options.out);
  require(kind != run::DataKind::table || !run::is_text_table(options.out) || source.item_shape().size() == 1,
          options.out, ": images do not fit into a table of text; name a .npy file");
  if (group && group->size() > 1 && kind != run::DataKind::folder) {
    throw Error(Complaint{.what = "only folders are written by several ranks",
                          .where = "OUT",
                          .value = options.out,
                          .fix = "give folders, or start it once"});
  }
  return kind;
}

model::Model open_model(const TranslateOptions& options, torch::Device device, const LogSink& log) {
  auto model = model::load_model(options.model, device, log);
  model.deterministic = options.deterministic;
  apply_bare_options(options.bare, model);
  if (!options.range.empty()) model.set_output_range(options.range);
  if (options.samples > 1 && !model.stochastic()) {
    const char* by = options.deterministic ? " by --deterministic" : "";
    throw Error(Complaint{.what = text("this map is deterministic", by, ": it has one output per input"),
                          .where = "--samples",
                          .value = std::to_string(options.samples),
                          .allowed = "1",
                          .fix = "methods weak, kernel and otp learn several"});
  }
  require(options.grid.empty() || model.item_shape.size() == 3, "--grid ", options.grid, ": only images make a grid");
  return model;
}

/// What the outputs have beside their numbers: the type of the input, and the names of the model's columns and the
/// input's rows.
run::TableFormat format_for(const model::Model& model, const data::Source& source) {
  run::TableFormat format{.type = source.number_type(), .names = source.table_names(), .steps = {}};
  if (!model.output_columns().empty()) format.names.columns = model.output_columns();
  if (model.standardisation) format.steps = model.standardisation->target.resolution();
  return format;
}

/// Rows that float32 cannot tell apart come to one output. As trained, so used: no error.
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
      text(source->name(), ": float32, in which the map computes, cannot hold ", lost.size(), " columns, ",
           stretched ? "whose spread is far below the scale of the training: "
                     : "whose offset is far beyond their spread: ",
           data::column_labels(names, lost), ". The outputs do not follow them; ",
           !model.standardisation ? "train with data.standardise = \"joint\" or another form of it"
           : stretched
               ? "values far from the others (monge data check) stretched that scale, or its two sides lay far apart"
               : "these rows lie far from those of the training"));
}

/// The map at its work on one input.
class Translation {
 public:
  Translation(const TranslateOptions& options, const model::Model& model, const data::Source& source)
      : options_(options),
        model_(model),
        source_(source),
        streams_(static_cast<uint64_t>(options.seed)),
        carries_noise_(model.carries_noise(source.item_shape())) {}

  /// Items [begin, begin + length). @return  [length, draws, ...]
  torch::Tensor outputs(int64_t begin, int64_t length) {
    std::vector<int64_t> indices(static_cast<size_t>(length));
    std::iota(indices.begin(), indices.end(), begin);
    const auto x = model_.standardisation ? source_.exact_items(indices) : source_.items(indices);
    // One stream an item, by its name: the outputs depend on neither the batch nor the other items.
    std::vector<torch::Tensor> inputs;
    if (!model_.stochastic())
      inputs.push_back(model_.inputs(x, 1, streams_.at("translate", 0)));  // no noise to tell apart
    for (const int64_t i : model_.stochastic() ? indices : std::vector<int64_t>()) {
      inputs.push_back(model_.inputs(x.narrow(0, i - begin, 1), options_.samples,
                                     streams_.at("translate/" + source_.item_name(i), 0)));
    }
    const auto y = model_.outputs(torch::cat(inputs), &clamped_).unflatten(0, std::vector<int64_t>{length, draws()});
    for (int64_t i = 0; i < length; ++i) show(begin + i, x[i], y[i]);
    return y;
  }

  /// Values that the range of the outputs changed.
  int64_t clamped() const { return clamped_; }

  /// An input that carries its noise has one output.
  int64_t draws() const { return model_.stochastic() && !carries_noise_ ? options_.samples : 1; }

  /// @param own    the items of this rank, from the first one on: the others of the image are made for it.
  /// @param batch  so many at once.
  void write_grid(int64_t own, int64_t batch) {
    if (options_.grid.empty()) return;
    const int64_t rows = std::min(options_.grid_rows, source_.size());
    for (int64_t begin = own; begin < rows; begin += batch) outputs(begin, std::min(batch, rows - begin));
    require(!cells_.empty(), "--grid: only images make a grid");
    io::write_image(
        options_.grid,
        run::image_grid(cells_, {.columns = 1 + draws(),
                                 .scale = std::max<int64_t>(1, 96 / std::max(cells_[0].size(1), cells_[0].size(2)))}));
  }

 private:
  void show(int64_t item, const torch::Tensor& x, const torch::Tensor& y) {
    if (options_.grid.empty() || item >= options_.grid_rows || y.dim() != 4) return;
    add_cell(x.narrow(0, 0, y.size(1)));
    for (int64_t k = 0; k < draws(); ++k) add_cell(y[k]);
  }

  /// Cells of a grid have one size, that of the first.
  void add_cell(const torch::Tensor& image_CHW) {
    const auto& cell = cells_.empty() ? image_CHW : cells_[0];
    const bool fits = cell.size(1) == image_CHW.size(1) && cell.size(2) == image_CHW.size(2);
    cells_.push_back(fits ? image_CHW
                          : io::resize_float(image_CHW.permute({1, 2, 0}).contiguous(), cell.size(1), cell.size(2),
                                             io::Filter::bilinear)
                                .permute({2, 0, 1}));
  }

  const TranslateOptions& options_;
  const model::Model& model_;
  const data::Source& source_;
  RandomStreams streams_;
  bool carries_noise_;  ///< the input of a bare checkpoint, see Model::inputs
  int64_t clamped_ = 0;
  std::vector<torch::Tensor> cells_;
};

/// The end of the closing line: that something was lost is not kept silent.
std::string replaced_words(int64_t count) {
  return count == 0 ? "" : text("; replaced ", count, count == 1 ? " file that was there" : " files that were there");
}

int translate_command(TranslateOptions options) {
  if (const auto code = start_ranks(options.here)) return *code;
  const auto job = join_job(options.common);
  auto* group = job.get();
  const bool leads = !group || group->is_root();
  set_threads(options.common, 0, group);
  watch_signals(group);  // so that a stopped translation takes its part away
  const auto log = log_sink(options.common, group);
  const bool is_table = run::kind_of(options.in) == run::DataKind::table;
  const fs::path in = is_table ? data::array_path(options.in).file : fs::path(data::member_path(options.in).set);
  auto model = rank_0_first(group, [&] {
    check_paths(options, in);
    return open_model(options, device_of(options.common, "auto", group), log);
  });
  if (group) train::broadcast_from_root(*group, model);
  auto kind = run::DataKind::image;
  const auto source = rank_0_first(group, [&] {
    auto opened = open_input(options, model, log);
    kind = checked_kind(options, *opened, in, group);
    opened = data::select_columns(std::move(opened), model.columns.source, "IN", log);
    model.require_takes(opened->item_shape());
    warn_of_lost_columns(model, opened, log);
    return opened;
  });
  const int64_t count = source->size();
  Translation translation(options, model, *source);
  // Before the ranks meet at the next line, after which some may write.
  const int64_t replaced = rank_0_first(group, [&] {
    return leads ? run::check_replaced(kind, options.out, input_files(in), *source, translation.draws(), options.grid)
                 : int64_t{0};
  });
  if (group) group->require_same(options.in, what_is_in(*source));
  const auto writer = rank_0_first(group, [&] {
    auto format = kind == run::DataKind::table ? format_for(model, *source) : run::TableFormat();
    return std::make_unique<run::OutputWriter>(kind, options.out, count, std::move(format));
  });
  auto progress = progress_callback(options.common, "translating");
  // Rows are so small that calls would cost more than the work on 32 of them.
  const int64_t usual = model.item_shape.size() == 1 ? std::max<int64_t>(32, 4096 / options.samples) : 32;
  const bool own_sizes = source->item_shape().size() == 3 && source->item_shape()[1] == 0;
  const int64_t batch = own_sizes ? 1 : options.batch > 0 ? options.batch : usual;
  const auto range = output_range(model);
  const auto sixteen_bits = [&](int64_t item) -> std::optional<io::SampleRange> {
    if (options.bits == "8" || kind == run::DataKind::table) return {};
    if (options.bits == "16") return range;
    const auto name =
        kind == run::DataKind::image ? fs::path(options.out) : run::output_name(source->item_name(item), 0, 1);
    return io::holds_sixteen_bits(name) && source->sample_bits(item) == 16 ? std::optional(range) : std::nullopt;
  };
  // Of tables, which one rank writes as they are; encoded images have no such values.
  const bool is_numbers = kind == run::DataKind::table;
  run::NotFiniteOutputs not_finite(run::is_text_table(options.out) ? std::nullopt
                                                                   : std::optional(source->number_type()));
  const dist::WorkPartition pieces(count, batch, group);
  dist::ProgressReduction progress_of_all(group);
  int64_t done = 0;  // of this rank
  const int64_t first = pieces.count() > 0 ? pieces[0].begin : 0;
  for (int64_t i = 0; i < first; ++i) writer->leave_out(source->item_name(i), translation.draws());
  for (int64_t number = 0; number < pieces.count(); ++number) {
    progress_of_all.post(done, 0, stop_flag());
    if (progress_of_all.stop()) {
      progress_of_all.receive();
      progress = {};  // ends its line
      log(LogLevel::warning,
          text("stopped after ", progress_of_all.done(), " of ", count, " items; ",
               kind == run::DataKind::folder || kind == run::DataKind::image ? "what was written stays in "
                                                                             : "nothing is left at ",
               options.out));
      return kStopped;
    }
    if (progress_of_all.done() > 0) progress(progress_of_all.done(), count);
    const auto piece = pieces[number];
    if (piece.length == 0) continue;
    const auto y = translation.outputs(piece.begin, piece.length);
    if (is_numbers) not_finite.add(piece.begin, y);
    for (int64_t i = 0; i < piece.length; ++i)
      writer->add(source->item_name(piece.begin + i), y[i], sixteen_bits(piece.begin + i));
    done += piece.length;
  }
  progress_of_all.post(done, 0, false);
  progress_of_all.receive();
  if (count > 0) progress(count, count);
  writer->finish();
  if (!leads) return kDone;
  translation.write_grid(done, batch);
  for (const auto& line : source->open_report().noticed) log(LogLevel::info, text(source->name(), ": ", line));
  const int64_t values = count * translation.draws() * (model.item_shape.size() == 1 ? model.item_shape[0] : 0);
  if (model.limits)
    log(LogLevel::info, text(translation.clamped(), " of ", values, " values were clamped to the output range"));
  if (not_finite.count() > 0) log(LogLevel::warning, text(options.out, ": ", not_finite.words(*source)));
  if (options.common.json) {
    nlohmann::ordered_json line{{"model", model.origin},
                                {"in", options.in},
                                {"out", options.out},
                                {"items", count},
                                {"samples", translation.draws()},
                                {"replaced", replaced},
                                {"left_out", source->open_report().left_out.size()}};
    if (model.limits) line["clamped"] = translation.clamped();
    if (is_numbers) line["not_finite"] = not_finite.count();
    if (not_finite.first()) line["first_not_finite"] = data::item_label(*source, *not_finite.first());
    print_json(line);
  } else {
    log(LogLevel::info, text(count, " items, ", translation.draws(), " output", translation.draws() > 1 ? "s" : "",
                             " each, written to ", options.out, replaced_words(replaced)));
  }
  return kDone;
}

}  // namespace

void add_translate(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("translate", "Apply a model to an image, folder, archive, .npy, .npz or .csv");
  auto options = std::make_shared<TranslateOptions>();
  command
      ->add_option("MODEL", options->model,
                   "Run directory, checkpoint folder (RUN/best), exported file, or a .pt of the public codes")
      ->required();
  command->add_option("IN", options->in, "What to translate")->required();
  command->add_option("OUT", options->out, "Where to; of the same kind as IN")->required();
  command->add_option("--samples", options->samples, "Outputs per input, for maps with noise")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--deterministic", options->deterministic,
                    "Set all noises to zero: one output per input, the same always");
  command
      ->add_option("--seed", options->seed, "Of the noises; a seed and the name of an item give the same outputs again")
      ->check(from_zero())
      ->capture_default_str();
  command
      ->add_option("--batch", options->batch,
                   "Items at once, which changes speed and memory and not the outputs; 0 takes 32 images or 4096 rows; "
                   "images that keep their own sizes go one by one")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  command
      ->add_option("--on-error", options->on_error,
                   "What to do with images that cannot be used: fail (lists them) or skip; default: the recipe's")
      ->check(CLI::IsMember({"fail", "skip"}));
  command
      ->add_option("--bits", options->bits,
                   "Of a sample in image files: 16 where the input has 16 and the format (PNG, TIFF) can hold them, "
                   "else 8; or as said")
      ->check(CLI::IsMember({"auto", "8", "16"}))
      ->capture_default_str();
  add_bare_options(*command, options->bare);
  command->add_option(
      "--range", options->range,
      "For vectors: LOW..HIGH, LOW.. or ..HIGH that outputs are clamped to [the recipe's output.range]");
  auto* grid =
      command->add_option("--grid", options->grid, "Also write an image of the first inputs and their outputs");
  command->add_option("--grid-rows", options->grid_rows, "Inputs in that image")
      ->check(CLI::Range(1, 256))
      ->needs(grid)
      ->capture_default_str();
  add_ranks(*command, options->here);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return translate_command(*options); }; });
}

}  // namespace monge::cli
