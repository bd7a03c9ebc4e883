#include "monge/session/translator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "monge/core/error.h"
#include "monge/model/displacement.h"
#include "monge/model/small_copy.h"
#include "monge/model/tiles.h"
#include "monge/session/translation_input.h"

namespace monge::session {

Translator::Translator(const TranslateOptions& options, const model::Model& model, const data::Source& source,
                       std::vector<int64_t> trained)
    : options_(options),
      model_(model),
      source_(source),
      trained_(std::move(trained)),
      times_(times_of(options)),
      streams_(static_cast<uint64_t>(options.seed)),
      residual_(options.size == "residual"),
      one_by_one_(!fits_a_batch(source.item_shape())),
      carries_noise_(model.carries_noise(source.item_shape())) {
  if (!options.weights.empty()) weights_ = torch::full({source.size()}, std::numeric_limits<float>::quiet_NaN());
}

/// Whether the net takes items of this shape as they are, and they are small enough for batches. This depends on the
/// item alone, and so do the numbers that are drawn for it.
bool Translator::fits_a_batch(torch::IntArrayRef item) const {
  if (item.size() != 3) return true;
  constexpr int64_t kMostPixels = 128 * 128;
  const int64_t height = item[1], width = item[2];
  if (height == 0) return false;  // the images differ in size
  if (item == torch::IntArrayRef(trained_)) return true;
  if (residual_ || !model_.sizes || height * width > kMostPixels) return false;
  const auto& sizes = *model_.sizes;
  const auto fits = [&](int64_t side) { return side >= sizes.least && side % sizes.multiple == 0; };
  return fits(height) && fits(width);
}

torch::Generator Translator::stream_of(int64_t item, int64_t step) const {
  if (!model_.stochastic()) return streams_.at("translate", step);  // without noise, no number is drawn
  return streams_.at(options_.noise == "fixed" ? "translate fixed" : "translate/" + source_.item_name(item), step);
}

/// The outputs of items that fit a batch, from item `begin` on.
torch::Tensor Translator::batch_outputs(const torch::Tensor& x, int64_t begin) {
  std::vector<torch::Tensor> inputs;
  if (!model_.stochastic()) {
    inputs.push_back(model_.inputs(x, 1, stream_of(begin, 0)));
  } else {
    for (int64_t i = 0; i < x.size(0); ++i)
      inputs.push_back(model_.inputs(x.narrow(0, i, 1), options_.samples, stream_of(begin + i, 0)));
  }
  const std::vector<int64_t> by_item{x.size(0), samples()};
  torch::Tensor weights;
  const auto y = model_.outputs(torch::cat(inputs), &clamped_, weights_.defined() ? &weights : nullptr);
  if (weights_.defined()) weights_.narrow(0, begin, x.size(0)).copy_(model_.input_weights(x, weights));
  return y.unflatten(0, by_item);
}

/// The items as the model takes them. Vectors that take part in an interpolation keep all their digits.
torch::Tensor Translator::items(int64_t begin, int64_t length) const {
  std::vector<int64_t> indices(static_cast<size_t>(length));
  std::iota(indices.begin(), indices.end(), begin);
  const bool in_double = interpolates() && source_.item_shape().size() == 1 && source_.number_type() == torch::kFloat64;
  return model_.standardisation || in_double ? source_.exact_items(indices) : source_.items(indices);
}

std::vector<torch::Tensor> Translator::outputs(int64_t begin, int64_t length, const Proceed& proceed) {
  std::vector<torch::Tensor> out;
  if (source_.item_shape().size() != 1) {
    // [length * samples] for each time
    std::vector<std::vector<torch::Tensor>> images(times_.size());
    const auto keep = [&](int64_t, int64_t, int64_t step, const torch::Tensor& y_CHW) {
      images[static_cast<size_t>(step)].push_back(y_CHW);
    };
    if (!for_each_output(begin, length, keep, proceed)) return {};
    for (const auto& at_time : images)
      out.push_back(torch::stack(at_time).unflatten(0, std::vector<int64_t>{length, samples()}));
    return out;
  }
  auto x = items(begin, length);
  const auto y = batch_outputs(x, begin);
  if (!interpolates()) return {y};
  // Exact items are float64 even if the table holds float32.
  x = x.to(source_.number_type()).unsqueeze(1);
  const double variance = model_.bridge_variance();
  const auto noise = variance > 0 ? bridge_noise(y, begin) : torch::Tensor();
  for (const double t : times_) {
    auto z = model::between(x, y, t);
    if (noise.defined() && t > 0 && t < 1) z = z + std::sqrt(variance * t * (1 - t)) * in_units_at(noise, t);
    out.push_back(z);
  }
  return out;
}

/// The noise of a plan's bridges between items from `begin` on and their outputs, one draw for all times of a path.
torch::Tensor Translator::bridge_noise(const torch::Tensor& y, int64_t begin) const {
  std::vector<torch::Tensor> out;
  for (int64_t i = 0; i < y.size(0); ++i) {
    const auto name = options_.noise == "fixed" ? "fixed" : source_.item_name(begin + i);
    out.push_back(torch::randn(y.sizes().slice(1), streams_.at("translate bridge/" + name, 0)));
  }
  return torch::stack(out).to(y.options());
}

/// Noise in standard units in those of the raw items at time t; exact where both sides have one scale.
torch::Tensor Translator::in_units_at(const torch::Tensor& noise, double t) const {
  if (!model_.standardisation) return noise;
  const auto& units = *model_.standardisation;
  return noise * ((1 - t) * units.source.scale + t * units.target.scale).to(noise.device());
}

/// Reads images. A single one that cannot be read goes to `leave_out`, if there is one.
/// @return false if an image cannot be read; those of a batch are then to be read one by one.
bool Translator::read(int64_t begin, int64_t length, const LeaveOut& leave_out, torch::Tensor& x) const {
  try {
    x = one_by_one_ ? source_.items({begin}) : items(begin, length);
    return true;
  } catch (const InputError& error) {
    if (!leave_out) throw;
    if (length == 1) leave_out(begin, error.what());
    return false;
  }
}

bool Translator::for_each_output(int64_t begin, int64_t length, const UseOutput& use, const Proceed& proceed,
                                 const LeaveOut& leave_out) {
  const auto one_after_another = [&] {
    for (int64_t i = begin; i < begin + length; ++i) {
      if (!for_each_output(i, 1, use, proceed, leave_out)) return false;
    }
    return true;
  };
  if (one_by_one_ && length > 1) return one_after_another();
  torch::Tensor x;
  if (!read(begin, length, leave_out, x)) return length == 1 || one_after_another();
  if (one_by_one_) return for_each_output_of(begin, std::move(x), use, proceed);
  const auto y = batch_outputs(x, begin);
  for (int64_t i = 0; i < length; ++i) {
    const auto x_CHW = x[i].narrow(0, 0, model_.item_shape[0]);
    show_input(begin + i, x_CHW);
    if (!use_samples(begin + i, x_CHW, y[i], use, proceed)) return false;
  }
  return true;
}

/// Passes the outputs of an image at its own size to `use`, each the image and the enlarged change of its small copy.
bool Translator::add_residuals(int64_t item, const torch::Tensor& x, const UseOutput& use, const Proceed& proceed) {
  const model::SmallCopy small(x, ImageSize(trained_.at(2), trained_.at(1)));
  const auto y = batch_outputs(small.image(), item);
  for (int64_t k = 0; k < samples(); ++k) {
    if (k > 0 && proceed && !proceed(k, samples())) return false;
    const auto y_CHW = small.add_change(x, y.select(1, k))[0];
    if (!use_steps(item, k, x[0], y_CHW, use, {})) return false;
  }
  return true;
}

bool Translator::for_each_output_of(int64_t item, torch::Tensor x, const UseOutput& use, const Proceed& proceed) {
  torch::Tensor x_CHW;
  if (interpolates() || is_shown(item)) x_CHW = x[0].narrow(0, 0, model_.item_shape[0]);
  show_input(item, x_CHW);
  if (fits_a_batch(x.sizes().slice(1)))  // the same outputs as among images of this size alone
    return use_samples(item, x_CHW, batch_outputs(x, item)[0], use, proceed);
  if (residual_) return add_residuals(item, x, use, proceed);
  // The work on an output has its tiles as parts and, if there are several steps, those too.
  const int64_t more = times_.size() > 1 ? static_cast<int64_t>(times_.size()) : 0;
  for (int64_t k = 0; k < samples(); ++k) {
    model::TileOptions tiles{.side = options_.tile};
    int64_t parts = more;
    if (proceed)
      tiles.proceed = [&](int64_t done, int64_t total) {
        parts = total + more;
        return proceed(k * parts + done, samples() * parts);
      };
    auto inputs = model_.inputs(x, 1, stream_of(item, k));
    if (k + 1 == samples()) {  // large images fill the memory
      x.reset();
      if (!interpolates()) x_CHW.reset();
    }
    const auto y = model::outputs_in_tiles(model_, inputs, tiles);
    inputs.reset();
    if (!y.defined()) return false;
    Proceed within;
    if (proceed)
      within = [&](int64_t step, int64_t) { return proceed(k * parts + parts - more + step, samples() * parts); };
    if (!use_steps(item, k, x_CHW, y[0], use, within)) return false;
  }
  return true;
}

/// Passes the outputs of an image to `use`. `proceed` counts their steps.
bool Translator::use_samples(int64_t item, const torch::Tensor& x_CHW, const torch::Tensor& y_KCHW,
                             const UseOutput& use, const Proceed& proceed) {
  for (int64_t k = 0; k < y_KCHW.size(0); ++k) {
    Proceed within;
    if (proceed)
      within = [&](int64_t step, int64_t steps) { return proceed(k * steps + step, y_KCHW.size(0) * steps); };
    if (!use_steps(item, k, x_CHW, y_KCHW[k], use, within)) return false;
  }
  return true;
}

/// Passes an output to `use` at each of the times. @param proceed  called before each step but the first.
bool Translator::use_steps(int64_t item, int64_t sample, const torch::Tensor& x_CHW, const torch::Tensor& y_CHW,
                           const UseOutput& use, const Proceed& proceed) {
  const int64_t steps = static_cast<int64_t>(times_.size());
  for (int64_t step = 0; step < steps; ++step) {
    if (step > 0 && proceed && !proceed(step, steps)) return false;
    const auto z_CHW = model::between(x_CHW, y_CHW, times_[static_cast<size_t>(step)]);
    use(item, sample, step, z_CHW);
    if (is_shown(item)) grid_.add(z_CHW);
  }
  return true;
}

/// Adds the first cell of a row of the grid. If there are several steps, the first of them is the input already.
void Translator::show_input(int64_t item, const torch::Tensor& x_CHW) {
  if (is_shown(item) && times_.size() == 1) grid_.add(x_CHW);
}

void Translator::write_grid(int64_t own, int64_t batch, const LeaveOut& leave_out) {
  if (options_.grid.empty()) return;
  const int64_t rows = std::min(options_.grid_rows, source_.size());
  for (int64_t begin = own; begin < rows; begin += batch) {
    for_each_output(
        begin, std::min(batch, rows - begin), [](int64_t, int64_t, int64_t, const torch::Tensor&) {}, {}, leave_out);
  }
  const int64_t steps = static_cast<int64_t>(times_.size());
  grid_.write(options_.grid, steps > 1 ? steps : 1 + samples());
}

}  // namespace monge::session
