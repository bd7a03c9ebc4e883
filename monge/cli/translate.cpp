// monge translate: a map applied to a picture, a folder, an archive or a table; the same kind comes out.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "monge/cli/bare_checkpoint.h"
#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/random.h"
#include "monge/data/arrays.h"
#include "monge/data/open.h"
#include "monge/data/parquet_path.h"
#include "monge/data/row_source.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/run/grid.h"
#include "monge/run/output_writer.h"
#include "monge/train/model.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;

struct TranslateOptions {
  Common common;
  std::string model, in, out, grid;
  bool deterministic = false;
  int64_t samples = 1, seed = 0, batch = 0, grid_rows = 8;
  BareOptions bare;
};

std::shared_ptr<const data::Source> open_input(const TranslateOptions& options, const train::Model& model,
                                               const LogSink& log) {
  // An array for a bare checkpoint is taken as it is: it may carry its noise channels.
  if (!model.recipe && lower_extension(options.in) == ".npy") {
    const auto array = io::map_npy(options.in);
    if (array.dim() == 4 && array.is_floating_point()) return std::make_shared<data::RowSource>(options.in, array);
  }
  data::SourceOptions source;
  if (model.recipe) source = train::source_options(model.recipe->source, *model.recipe);
  source.path = options.in;
  source.images.cache_mb = 0;
  if (options.bare.size > 0) source.images.size = options.bare.size;
  return data::open_source(source, log);
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
  require(io::has_image_extension(options.grid), "--grid ", options.grid, ": must name a .png, .jpg or .webp file");
  require(!lies_in(options.grid, in) && !lies_in(options.grid, options.out), "--grid ", options.grid,
          ": lies among the inputs or outputs; choose another file");
}

int translate_command(const TranslateOptions& options) {
  set_threads(options.common);
  watch_signals();  // so that a stopped translation takes its part away
  const auto log = log_sink(options.common);
  const auto kind = run::kind_of(options.in);
  const auto in = data::array_path(options.in).file;
  std::error_code ignored;
  require(fs::exists(in, ignored) || data::parquet_path(options.in), in.string(), ": no such file or folder");
  run::check_output(kind, in, options.out);
  check_places(options, in);
  auto model = train::load_model(options.model, device_of(options.common), log);
  model.deterministic = options.deterministic;
  apply_bare_options(options.bare, model);
  if (options.samples > 1 && !model.stochastic()) {
    const char* by = options.deterministic ? " by --deterministic" : "";
    throw Error(Complaint{.what = text("this map is deterministic", by, ": it has one output per input"), .where = "--samples",
                          .value = std::to_string(options.samples), .allowed = "1",
                          .fix = "methods weak, kernel and otp learn several"});
  }
  require(kind != run::DataKind::table || lower_extension(options.out) == ".npy" || model.item_shape.size() == 1, options.out,
          ": pictures do not fit into a table of text; name a .npy file");
  require(options.grid.empty() || model.item_shape.size() == 3, "--grid ", options.grid, ": only pictures make a grid");
  const auto source = open_input(options, model, log);
  const RandomStreams streams(static_cast<uint64_t>(options.seed));
  run::OutputWriter writer(kind, options.out, source->size());
  std::vector<torch::Tensor> cells;
  const auto progress = progress_callback(options.common, "translating");
  const int64_t count = source->size();
  int64_t draws = 1;
  // Rows are so small that calls would cost more than the work on 32 of them.
  const int64_t usual = model.item_shape.size() == 1 ? std::max<int64_t>(32, 4096 / options.samples) : 32;
  const int64_t batch = options.batch > 0 ? options.batch : usual;
  for (int64_t begin = 0; begin < count; begin += batch) {
    if (stop_flag()) {
      log(LogLevel::warning, text("stopped after ", begin, " of ", count, " items; ",
                                  kind == run::DataKind::folder || kind == run::DataKind::picture ? "what was written stays in " : "nothing is left at ",
                                  options.out));
      return kStopped;
    }
    std::vector<int64_t> indices;
    for (int64_t i = begin; i < std::min(begin + batch, count); ++i) indices.push_back(i);
    const auto x = source->items(indices);
    // One stream an item, by its name: the outputs depend on neither the batch nor the other items.
    std::vector<torch::Tensor> inputs;
    if (!model.stochastic()) inputs.push_back(model.inputs(x, 1, streams.at("translate", 0)));  // no noise to tell apart
    for (const int64_t i : model.stochastic() ? indices : std::vector<int64_t>()) {
      inputs.push_back(model.inputs(x.narrow(0, i - begin, 1), options.samples, streams.at("translate/" + source->item_name(i), 0)));
    }
    draws = model.stochastic() ? inputs.front().size(0) : 1;
    const auto y = model.outputs(torch::cat(inputs)).unflatten(0, std::vector<int64_t>{x.size(0), draws});
    for (int64_t i = 0; i < y.size(0); ++i) {
      writer.add(source->item_name(indices[static_cast<size_t>(i)]), y[i]);
      if (begin + i < options.grid_rows && y.dim() == 5) {
        cells.push_back(x[i].narrow(0, 0, y.size(2)));
        for (int64_t k = 0; k < draws; ++k) cells.push_back(y[i][k]);
      }
    }
    progress(std::min(begin + batch, count), count);
  }
  writer.finish();
  if (!options.grid.empty()) {
    require(!cells.empty(), "--grid: only pictures make a grid");
    io::write_image(options.grid, run::picture_grid(cells, {.columns = 1 + draws, .scale = std::max<int64_t>(1, 96 / cells[0].size(2))}));
  }
  if (options.common.json) {
    print_json({{"model", model.origin}, {"in", options.in}, {"out", options.out}, {"items", count}, {"samples", draws}});
  } else {
    log(LogLevel::info, std::to_string(count) + " items, " + std::to_string(draws) + " output" + (draws > 1 ? "s" : "") +
                            " each, written to " + options.out);
  }
  return kDone;
}

}  // namespace

void add_translate(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("translate", "Apply a model to a picture, folder, archive, .npy, .npz or .csv");
  auto options = std::make_shared<TranslateOptions>();
  command->add_option("MODEL", options->model, "Run directory, checkpoint folder (RUN/best), exported file, or a .pt of the public codes")
      ->required();
  command->add_option("IN", options->in, "What to translate")->required();
  command->add_option("OUT", options->out, "Where to; of the same kind as IN")->required();
  command->add_option("--samples", options->samples, "Outputs per input, for maps with noise")->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--deterministic", options->deterministic, "Set all noises to zero: one output per input, the same always");
  command->add_option("--seed", options->seed, "Of the noises; a seed and the name of an item give the same outputs again")
      ->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--batch", options->batch, "Items at once, which changes speed and memory and not the outputs; 0 takes 32 pictures or 4096 rows")
      ->check(CLI::Range(0, 65536))->capture_default_str();
  add_bare_options(*command, options->bare);
  command->add_option("--grid", options->grid, "Also write a picture of the first inputs and their outputs");
  command->add_option("--grid-rows", options->grid_rows, "Inputs in that picture")->check(CLI::Range(1, 256))
      ->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return translate_command(*options); }; });
}

}  // namespace monge::cli
