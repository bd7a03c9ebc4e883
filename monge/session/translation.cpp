#include "monge/session/translation.h"

#include <algorithm>
#include <memory>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/column_names.h"
#include "monge/data/finite.h"
#include "monge/data/image_collection.h"
#include "monge/data/item_label.h"
#include "monge/data/tensor_source.h"
#include "monge/dist/progress_reduction.h"
#include "monge/run/not_finite_outputs.h"
#include "monge/run/table_writer.h"
#include "monge/session/root_first.h"
#include "monge/session/translation_input.h"
#include "monge/session/translation_size.h"
#include "monge/session/translator.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;

/// Items per batch. Rows are so small that the calls would cost more than the work on 32 of them. Images of different
/// sizes are translated one by one. A batch of a table is in memory with all its steps, so it is smaller with many
/// steps.
int64_t batch_for(const TranslateOptions& options, const data::Source& source, bool one_by_one) {
  if (one_by_one) return 1;
  if (options.batch > 0) return options.batch;
  const int64_t steps = std::max<int64_t>(1, options.steps);
  if (source.item_shape().size() == 1) return std::max<int64_t>(32, 4096 / (options.samples * steps));
  return source.gives_files() ? 32 : std::max<int64_t>(1, 32 / steps);
}

/// @param samples  outputs per item.
void report_stop(int64_t done, int64_t count, const run::StepPlace& place, int64_t samples, const LogSink& log) {
  const bool several_files = samples > 1 || place.layout == run::StepLayout::images;
  const bool files_stay = place.kind == run::DataKind::folder || (place.kind == run::DataKind::image && several_files);
  log(LogLevel::warning,
      text("stopped after ", done, " of ", count, " items; ",
           files_stay ? "the files that were written remain in " : "nothing was written to ", place.out.string()));
}

/// Translates rows of a table and writes them.
void write_rows(Translator& translator, int64_t begin, int64_t length, run::StepWriter& writer,
                run::NotFiniteOutputs& not_finite) {
  const auto steps = translator.outputs(begin, length);
  not_finite.add(begin, steps.size() == 1 ? steps[0] : torch::stack(steps, 2));
  std::vector<torch::Tensor> of_a_row(steps.size());
  for (int64_t i = 0; i < length; ++i) {
    for (size_t k = 0; k < steps.size(); ++k) of_a_row[k] = steps[k][i];
    writer.add_row(of_a_row);
  }
}

/// Translates images and writes them. @return false when `proceed` ended it.
bool write_images(Translator& translator, const TranslationInput& input, int64_t begin, int64_t length,
                  run::StepWriter& writer, const std::string& out, const TranslateOptions& options,
                  const Translator::Proceed& proceed, const Translator::LeaveOut& leave_out) {
  int64_t present = -1;
  std::string name;
  std::optional<io::SampleRange> range;
  const auto write = [&](int64_t item, int64_t sample, int64_t step, const torch::Tensor& y_CHW) {
    if (item != present) {
      present = item;
      name = input.source->item_name(item);
      range = sixteen_bit_range(input, item, out, options);
    }
    writer.add_image(name, sample, translator.samples(), step, y_CHW, range);
  };
  return translator.for_each_output(begin, length, write, proceed, leave_out);
}

/// Images that could be used when the set was opened, and cannot be read any more.
struct BrokenImages {
  std::vector<int64_t> items = {};        ///< of this rank
  std::vector<std::string> reasons = {};  ///< of this rank
  int64_t count = 0;                      ///< of all ranks
};

/// Logs what all ranks left out. All ranks call it. @throws CommonError if no image is left.
void report_broken(BrokenImages& broken, const data::Source& source, dist::ProcessGroup& group, const LogSink& log) {
  if (broken.count == 0) return;
  const auto which = listed(dist::gather_complaints(group, broken.reasons), static_cast<size_t>(broken.count));
  if (broken.count == source.size()) {
    throw dist::CommonError(
        text(source.name(), ": no image can be used any more, although they could when the set was opened", which));
  }
  log(LogLevel::warning, text(source.name(), ": ", broken.count, broken.count == 1 ? " image" : " images",
                              " cannot be used any more and ", broken.count == 1 ? "is" : "are", " left out", which));
}

/// Translates the items of this rank and passes them to `writer`. @return their number; nothing when the job was
/// stopped.
std::optional<int64_t> translate_items(Translator& translator, const TranslationInput& input, run::StepWriter& writer,
                                       run::NotFiniteOutputs& not_finite, const std::string& out,
                                       const TranslateOptions& options, dist::ProcessGroup& group, const Hooks& hooks,
                                       BrokenImages& broken) {
  const auto& source = *input.source;
  const int64_t count = source.size();
  const dist::WorkPartition pieces(count, batch_for(options, source, translator.one_by_one()), group);
  dist::ProgressReduction progress(group);
  const auto report = hooks.progress_of("translating");
  // A single process may stop within a large image. Several ranks agree between images.
  int64_t parts_of_one = 1;
  const auto proceed = [&](int64_t part, int64_t parts) {
    if (count == 1) parts_of_one = parts;
    if (report && count == 1 && part > 0) report(part, parts);
    return group.size() > 1 || !hooks.stop_flag();
  };
  Translator::LeaveOut leave_out;
  if (input.skips_unusable) {
    leave_out = [&](int64_t item, const std::string& reason) {
      writer.leave_out(source.item_name(item), translator.samples());
      broken.items.push_back(item);
      if (broken.reasons.size() < kMostListed) broken.reasons.push_back(reason);
    };
  }
  bool stopped = false;
  int64_t done = 0;  // by this rank
  const int64_t first = pieces.count() > 0 ? pieces[0].begin : 0;
  for (int64_t i = 0; i < first; ++i) writer.leave_out(source.item_name(i), translator.samples());
  for (int64_t number = 0; number < pieces.count(); ++number) {
    progress.post(done, 0, hooks.stop_flag());
    if (progress.stop() || stopped) {
      progress.receive();
      report_stop(progress.done(), count, input.place, translator.samples(), hooks.log);
      return std::nullopt;
    }
    if (report && progress.done() > 0) report(progress.done(), count);
    const auto piece = pieces[number];
    if (piece.length == 0) continue;
    if (input.kind == run::DataKind::table) {
      write_rows(translator, piece.begin, piece.length, writer, not_finite);
    } else {
      stopped = !write_images(translator, input, piece.begin, piece.length, writer, out, options, proceed, leave_out);
      if (stopped && number + 1 == pieces.count()) {
        report_stop(done, count, input.place, translator.samples(), hooks.log);
        return std::nullopt;
      }
    }
    if (!stopped) done += piece.length;
  }
  progress.post(done, static_cast<int64_t>(broken.items.size()), false);
  progress.receive();
  broken.count = progress.left_out();
  report_broken(broken, source, group, hooks.log);
  if (report && count > 0) report(count * parts_of_one, count * parts_of_one);
  writer.finish();
  return done;
}

/// The weights of the items that were translated.
struct ItemWeights {
  std::vector<int64_t> items;
  torch::Tensor weights_N;
};

ItemWeights weights_of_translated(const torch::Tensor& weights, const BrokenImages& broken) {
  ItemWeights out;
  for (int64_t i = 0; i < weights.size(0); ++i) {
    if (!std::binary_search(broken.items.begin(), broken.items.end(), i)) out.items.push_back(i);
  }
  out.weights_N = broken.items.empty() ? weights : weights.index_select(0, torch::tensor(out.items, torch::kInt64));
  return out;
}

/// Writes the weight of each item, with its name if the file is a text. @return their mean.
double write_weights(const fs::path& path, const ItemWeights& weights, const data::Source& source) {
  const auto& [items, weights_N] = weights;
  const bool text_file = run::is_text_table(path);
  run::TableFormat format{.names = source.table_names()};
  format.names.columns = {"weight"};
  if (source.item_shape().size() == 3) {
    for (const int64_t i : items) format.names.rows.push_back(source.item_name(i));
  }
  run::TableWriter writer(path, weights_N.size(0), format);
  for (const auto& weight : weights_N.split(1)) writer.add(text_file ? weight.unsqueeze(1) : weight);
  writer.finish();
  return weights_N.mean().item<double>();
}

/// The rows of a tensor on a GPU, where they stay.
class RowsOnDevice : public data::FiniteSource {
 public:
  explicit RowsOnDevice(torch::Tensor rows) : rows_(std::move(rows)) {}

  std::string name() const override { return "tensor"; }
  std::vector<int64_t> item_shape() const override { return rows_.sizes().slice(1).vec(); }
  int64_t size() const override { return rows_.size(0); }
  torch::ScalarType number_type() const override { return exact() ? torch::kFloat64 : torch::kFloat32; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    const auto rows = rows_at(indices);
    return rows.scalar_type() == torch::kUInt8 ? rows : rows.to(torch::kFloat32);
  }
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override {
    return exact() ? rows_at(indices) : FiniteSource::exact_items(indices);
  }

 private:
  bool exact() const { return rows_.dim() == 2 && rows_.scalar_type() == torch::kFloat64; }
  /// Without a copy where the indices are consecutive, which those of a translation are.
  torch::Tensor rows_at(const std::vector<int64_t>& indices) const {
    check(indices);
    const auto length = static_cast<int64_t>(indices.size());
    if (length > 0 && indices.back() - indices.front() == length - 1 && std::is_sorted(indices.begin(), indices.end()))
      return rows_.narrow(0, indices.front(), length);
    return rows_.index_select(0, torch::tensor(indices, torch::kInt64).to(rows_.device()));
  }

  torch::Tensor rows_;
};

/// Whether the outputs of `x` stay on its device. Images of a size other than that of the training may be translated in
/// tiles, which pass through the host.
bool stays_on_device(const model::Model& model, const torch::Tensor& x) {
  if (x.is_cpu() || x.device().type() != model.device.type()) return false;
  if (x.device().has_index() && model.device.has_index() && x.device() != model.device) return false;
  return x.dim() == 2 || x.sizes().slice(1) == torch::IntArrayRef(model.item_shape);
}

/// The rows of a tensor on the host; float64 of vectors is kept beside its float32.
std::unique_ptr<data::Source> source_of(const torch::Tensor& x) {
  auto rows = x.detach().to(torch::kCPU).contiguous();
  if (rows.scalar_type() != torch::kFloat64) return std::make_unique<data::TensorSource>("tensor", rows);
  data::TableMetadata table;
  if (rows.dim() == 2) table = {.exact = rows, .names = {}, .reading = {}, .type = torch::kFloat64};
  return std::make_unique<data::TensorSource>("tensor", rows.to(torch::kFloat32), std::vector<std::string>(),
                                              std::move(table));
}

}  // namespace

TranslateResult translate(const model::Model& given, const std::string& in, const std::string& out,
                          const TranslateOptions& given_options, const Compute& compute, const Hooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  auto model = given;
  const auto options = with_size_of_recipe(given_options, model, /*array=*/!data::holds_images(in));
  const auto input = root_first(group, [&] {
    prepare_for_translation(model, options);
    return open_translation_input(model, in, out, options, group, hooks.log);
  });
  const auto& source = *input.source;
  Translator translator(options, model, source, given.item_shape);
  TranslateResult result{.items = source.size(), .samples = translator.samples()};
  // The files are counted before the ranks continue after root_first, because then some may write.
  result.replaced = root_first(group, [&] {
    return group.is_root()
               ? run::check_replaced_steps(input.place, input.files, source, translator.samples(), options.grid)
               : int64_t{0};
  });
  if (group.size() > 1) group.require_same(in, content_summary(source));
  const auto writer = root_first(group, [&] {
    const bool is_table = input.kind == run::DataKind::table;
    const auto formats =
        is_table ? table_formats_for(model, source, translator.times()) : std::vector<run::TableFormat>();
    auto place = input.place;
    place.cells_format.samples = translator.samples();
    return std::make_unique<run::StepWriter>(place, source.size(), formats);
  });
  run::NotFiniteOutputs not_finite(run::is_text_table(out) ? std::nullopt : std::optional(source.number_type()));
  BrokenImages broken;
  const auto done = translate_items(translator, input, *writer, not_finite, out, options, group, hooks, broken);
  if (!done) return result;
  result.complete = true;
  result.items -= broken.count;
  if (!group.is_root()) return result;
  // The image may need items of other ranks, which report what they leave out themselves.
  translator.write_grid(*done, batch_for(options, source, translator.one_by_one()),
                        input.skips_unusable ? [](int64_t, const std::string&) {} : Translator::LeaveOut());
  for (const auto& line : source.open_report().noticed) hooks.log(LogLevel::info, text(source.name(), ": ", line));
  result.left_out = static_cast<int64_t>(source.open_report().left_out.size()) + broken.count;
  if (model.limits) {
    const int64_t width = model.item_shape.size() == 1 ? model.item_shape[0] : 0;
    result.clamped = translator.clamped();
    hooks.log(LogLevel::info, text(translator.clamped(), " of ", result.items * translator.samples() * width,
                                   " values were clamped to the output range"));
  }
  if (!options.weights.empty()) {
    const auto weights = weights_of_translated(translator.weights(), broken);
    result.mean_weight = write_weights(options.weights, weights, source);
    const auto bad = torch::isfinite(weights.weights_N).logical_not().sum().item<int64_t>();
    if (bad > 0) {
      hooks.log(LogLevel::warning, text(options.weights.string(), ": ", bad, " of ", result.items,
                                        " weights are not finite; train with a larger unbalanced.alpha, or softplus"));
    }
  }
  if (not_finite.count() > 0) hooks.log(LogLevel::warning, text(out, ": ", not_finite.warning(source)));
  if (input.kind == run::DataKind::table) result.not_finite = not_finite.count();
  if (not_finite.first()) result.first_not_finite = data::item_label(source, *not_finite.first());
  return result;
}

torch::Tensor translate(const model::Model& model, const torch::Tensor& x, const TranslateOptions& given,
                        const Hooks& hooks) {
  require(x.dim() >= 2, "translate: expected a batch of items, [B, ...], got a tensor of shape ", x.sizes());
  auto prepared = model;
  const auto options = with_size_of_recipe(given, model, /*array=*/true);
  prepare_for_translation(prepared, options);
  require(x.size(0) > 0, "translate: there are no items in a tensor of shape ", x.sizes());
  const bool stays = stays_on_device(model, x);
  if (stays) prepared.output_device = x.device();
  const auto holder = stays ? std::make_unique<RowsOnDevice>(x.detach()) : source_of(x);
  const auto& source = *holder;
  take_size_of_arrays(prepared, source, options);
  prepared.require_takes(source.item_shape());
  auto without_grid = options;
  without_grid.grid.clear();
  without_grid.weights.clear();
  Translator translator(without_grid, prepared, source, model.item_shape);
  std::vector<torch::Tensor> outputs;
  const int64_t batch = batch_for(options, source, translator.one_by_one());
  const auto report = hooks.progress_of("translating");
  for (int64_t begin = 0; begin < source.size(); begin += batch) {
    if (hooks.stop_flag()) return {};
    if (report && begin > 0) report(begin, source.size());
    const auto proceed = [&](int64_t part, int64_t parts) {
      if (report && source.size() == 1 && part > 0) report(part, parts);
      return !hooks.stop_flag();
    };
    const auto steps = translator.outputs(begin, std::min(batch, source.size() - begin), proceed);
    if (steps.empty()) return {};
    outputs.push_back(options.steps == 0 ? steps[0] : torch::stack(steps, 2));
  }
  if (report && !outputs.empty()) report(source.size(), source.size());
  return torch::cat(outputs);
}

}  // namespace monge::session
