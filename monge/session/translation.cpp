#include "monge/session/translation.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/column_names.h"
#include "monge/data/item_label.h"
#include "monge/data/tensor_source.h"
#include "monge/dist/progress_reduction.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"
#include "monge/run/grid.h"
#include "monge/run/not_finite_outputs.h"
#include "monge/session/root_first.h"
#include "monge/session/translation_input.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;

/// Applies the map to the items of one input.
class Translator {
 public:
  Translator(const TranslateOptions& options, const model::Model& model, const data::Source& source)
      : options_(options),
        model_(model),
        source_(source),
        streams_(static_cast<uint64_t>(options.seed)),
        carries_noise_(model.carries_noise(source.item_shape())) {}

  /// The outputs of items [begin, begin + length). @return  [length, samples, ...]
  torch::Tensor outputs(int64_t begin, int64_t length) {
    std::vector<int64_t> indices(static_cast<size_t>(length));
    std::iota(indices.begin(), indices.end(), begin);
    const auto x = model_.standardisation ? source_.exact_items(indices) : source_.items(indices);
    // Each item has its own stream, named after it, so that outputs depend neither on the batch nor on other items.
    std::vector<torch::Tensor> inputs;
    if (!model_.stochastic()) {
      inputs.push_back(model_.inputs(x, 1, streams_.at("translate", 0)));  // without noise, no stream is used
    } else {
      for (const int64_t i : indices) {
        inputs.push_back(model_.inputs(x.narrow(0, i - begin, 1), options_.samples,
                                       streams_.at("translate/" + source_.item_name(i), 0)));
      }
    }
    const auto y = model_.outputs(torch::cat(inputs), &clamped_).unflatten(0, std::vector<int64_t>{length, samples()});
    for (int64_t i = 0; i < length; ++i) show(begin + i, x[i], y[i]);
    return y;
  }

  /// The number of values that clamping has changed.
  int64_t clamped() const { return clamped_; }

  /// Outputs per item. An input that carries its noise has one output.
  int64_t samples() const { return model_.stochastic() && !carries_noise_ ? options_.samples : 1; }

  /// Writes the image of the first inputs and their outputs.
  /// @param own    number of items that this rank has translated, from the first one on. The image may need more items,
  ///               which are translated here.
  /// @param batch  items per batch.
  void write_grid(int64_t own, int64_t batch) {
    if (options_.grid.empty()) return;
    const int64_t rows = std::min(options_.grid_rows, source_.size());
    for (int64_t begin = own; begin < rows; begin += batch) outputs(begin, std::min(batch, rows - begin));
    require(!cells_.empty(), "--grid: a grid needs images");
    const int64_t side = std::max(cells_[0].size(1), cells_[0].size(2));
    io::write_image(options_.grid,
                    run::image_grid(cells_, {.columns = 1 + samples(), .scale = std::max<int64_t>(1, 96 / side)}));
  }

 private:
  void show(int64_t item, const torch::Tensor& x, const torch::Tensor& y) {
    if (options_.grid.empty() || item >= options_.grid_rows || y.dim() != 4) return;
    add_cell(x.narrow(0, 0, y.size(1)));
    for (int64_t k = 0; k < samples(); ++k) add_cell(y[k]);
  }

  /// All cells of the grid get the size of the first one.
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
  bool carries_noise_;  ///< whether the input has its noise channels, see Model::inputs
  int64_t clamped_ = 0;
  std::vector<torch::Tensor> cells_;
};

/// Items per batch. Rows are so small that the calls would cost more than the work on 32 of them. Images of different
/// sizes are translated one by one.
int64_t batch_for(const TranslateOptions& options, const data::Source& source) {
  const auto shape = source.item_shape();
  if (shape.size() == 3 && shape[1] == 0) return 1;
  if (options.batch > 0) return options.batch;
  return shape.size() == 1 ? std::max<int64_t>(32, 4096 / options.samples) : 32;
}

void report_stop(int64_t done, int64_t count, run::DataKind kind, const std::string& out, const LogSink& log) {
  const bool files_stay = kind == run::DataKind::folder || kind == run::DataKind::image;
  log(LogLevel::warning, text("stopped after ", done, " of ", count, " items; ",
                              files_stay ? "the files that were written remain in " : "nothing was written to ", out));
}

/// Translates the items of this rank and passes them to `writer`. @return their number; nothing when the job was
/// stopped.
std::optional<int64_t> translate_items(Translator& translator, const TranslationInput& input, run::OutputWriter& writer,
                                       run::NotFiniteOutputs& not_finite, const std::string& out,
                                       const TranslateOptions& options, dist::ProcessGroup& group, const Hooks& hooks) {
  const auto& source = *input.source;
  const int64_t count = source.size();
  const bool is_table = input.kind == run::DataKind::table;
  const dist::WorkPartition pieces(count, batch_for(options, source), group);
  dist::ProgressReduction progress(group);
  const auto report = hooks.progress_of("translating");
  int64_t done = 0;  // by this rank
  const int64_t first = pieces.count() > 0 ? pieces[0].begin : 0;
  for (int64_t i = 0; i < first; ++i) writer.leave_out(source.item_name(i), translator.samples());
  for (int64_t number = 0; number < pieces.count(); ++number) {
    progress.post(done, 0, hooks.stop_flag());
    if (progress.stop()) {
      progress.receive();
      report_stop(progress.done(), count, input.kind, out, hooks.log);
      return std::nullopt;
    }
    if (report && progress.done() > 0) report(progress.done(), count);
    const auto piece = pieces[number];
    if (piece.length == 0) continue;
    const auto y = translator.outputs(piece.begin, piece.length);
    if (is_table) not_finite.add(piece.begin, y);  // encoded images hold no such values
    for (int64_t i = 0; i < piece.length; ++i) {
      const int64_t item = piece.begin + i;
      writer.add(source.item_name(item), y[i], sixteen_bit_range(input, item, out, options));
    }
    done += piece.length;
  }
  progress.post(done, 0, false);
  progress.receive();
  if (report && count > 0) report(count, count);
  writer.finish();
  return done;
}

}  // namespace

TranslateResult translate(const model::Model& given, const std::string& in, const std::string& out,
                          const TranslateOptions& options, const Compute& compute, const Hooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  auto model = given;
  const auto input = root_first(group, [&] {
    prepare_for_translation(model, options);
    return open_translation_input(model, in, out, options, group, hooks.log);
  });
  const auto& source = *input.source;
  Translator translator(options, model, source);
  TranslateResult result{.items = source.size(), .samples = translator.samples()};
  // The files are counted before the ranks continue after root_first, because then some may write.
  result.replaced = root_first(group, [&] {
    return group.is_root()
               ? run::check_replaced(input.kind, out, input.files, source, translator.samples(), options.grid)
               : int64_t{0};
  });
  if (group.size() > 1) group.require_same(in, content_summary(source));
  const auto writer = root_first(group, [&] {
    auto format = input.kind == run::DataKind::table ? table_format_for(model, source) : run::TableFormat();
    return std::make_unique<run::OutputWriter>(input.kind, out, source.size(), std::move(format));
  });
  run::NotFiniteOutputs not_finite(run::is_text_table(out) ? std::nullopt : std::optional(source.number_type()));
  const auto done = translate_items(translator, input, *writer, not_finite, out, options, group, hooks);
  if (!done) return result;
  result.complete = true;
  if (!group.is_root()) return result;
  translator.write_grid(*done, batch_for(options, source));
  for (const auto& line : source.open_report().noticed) hooks.log(LogLevel::info, text(source.name(), ": ", line));
  result.left_out = static_cast<int64_t>(source.open_report().left_out.size());
  if (model.limits) {
    const int64_t width = model.item_shape.size() == 1 ? model.item_shape[0] : 0;
    result.clamped = translator.clamped();
    hooks.log(LogLevel::info, text(translator.clamped(), " of ", source.size() * translator.samples() * width,
                                   " values were clamped to the output range"));
  }
  if (not_finite.count() > 0) hooks.log(LogLevel::warning, text(out, ": ", not_finite.warning(source)));
  if (input.kind == run::DataKind::table) result.not_finite = not_finite.count();
  if (not_finite.first()) result.first_not_finite = data::item_label(source, *not_finite.first());
  return result;
}

torch::Tensor translate(const model::Model& model, const torch::Tensor& x, const TranslateOptions& options) {
  require(x.dim() >= 2, "translate: expected a batch of items, [B, ...], got a tensor of shape ", x.sizes());
  auto prepared = model;
  prepare_for_translation(prepared, options);
  const data::TensorSource source("tensor", x.detach().to(torch::kCPU).contiguous());
  prepared.require_takes(source.item_shape());
  auto without_grid = options;
  without_grid.grid.clear();
  Translator translator(without_grid, prepared, source);
  std::vector<torch::Tensor> outputs;
  const int64_t batch = batch_for(options, source);
  for (int64_t begin = 0; begin < source.size(); begin += batch) {
    outputs.push_back(translator.outputs(begin, std::min(batch, source.size() - begin)));
  }
  return torch::cat(outputs);
}

}  // namespace monge::session
