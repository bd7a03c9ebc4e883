#include "monge/session/translator.h"

#include <algorithm>
#include <numeric>

#include "monge/model/tiles.h"

namespace monge::session {

Translator::Translator(const TranslateOptions& options, const model::Model& model, const data::Source& source,
                       std::vector<int64_t> trained)
    : options_(options),
      model_(model),
      source_(source),
      trained_(std::move(trained)),
      streams_(static_cast<uint64_t>(options.seed)),
      one_by_one_(!fits_a_batch(source.item_shape())),
      carries_noise_(model.carries_noise(source.item_shape())) {}

/// Whether the net takes items of this shape as they are, and they are small enough for batches. This depends on the
/// item alone, and so do the numbers that are drawn for it.
bool Translator::fits_a_batch(torch::IntArrayRef item) const {
  if (item.size() != 3) return true;
  constexpr int64_t kMostPixels = 128 * 128;
  const int64_t height = item[1], width = item[2];
  if (height == 0) return false;  // the images differ in size
  if (item == torch::IntArrayRef(trained_)) return true;
  if (!model_.sizes || height * width > kMostPixels) return false;
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
  return model_.outputs(torch::cat(inputs), &clamped_).unflatten(0, std::vector<int64_t>{x.size(0), samples()});
}

torch::Tensor Translator::outputs(int64_t begin, int64_t length) {
  if (one_by_one_) {
    std::vector<torch::Tensor> all;
    for (int64_t i = begin; i < begin + length; ++i) {
      std::vector<torch::Tensor> own;
      for_each_output(i, [&own](int64_t, const torch::Tensor& y) { own.push_back(y); });
      all.push_back(torch::stack(own));
    }
    return torch::stack(all);
  }
  std::vector<int64_t> indices(static_cast<size_t>(length));
  std::iota(indices.begin(), indices.end(), begin);
  const auto x = model_.standardisation ? source_.exact_items(indices) : source_.items(indices);
  const auto y = batch_outputs(x, begin);
  for (int64_t i = 0; i < length && is_shown(begin + i) && y.dim() == 5; ++i) {
    grid_.add(x[i].narrow(0, 0, y.size(2)));
    for (int64_t k = 0; k < samples(); ++k) grid_.add(y[i][k]);
  }
  return y;
}

bool Translator::for_each_output(int64_t item, const UseOutput& use, const Proceed& proceed) {
  auto x = source_.items({item});
  if (is_shown(item)) grid_.add(x[0].narrow(0, 0, model_.item_shape[0]));
  const auto give = [&](int64_t sample, const torch::Tensor& y_CHW) {
    use(sample, y_CHW);
    if (is_shown(item)) grid_.add(y_CHW);
  };
  if (fits_a_batch(x.sizes().slice(1))) {  // the same outputs as among images of this size alone
    const auto y = batch_outputs(x, item)[0];
    for (int64_t k = 0; k < samples(); ++k) give(k, y[k]);
    return true;
  }
  for (int64_t k = 0; k < samples(); ++k) {
    model::TileOptions tiles{.side = options_.tile};
    if (proceed)
      tiles.proceed = [&](int64_t done, int64_t total) { return proceed(k * total + done, samples() * total); };
    auto inputs = model_.inputs(x, 1, stream_of(item, k));
    if (k + 1 == samples()) x.reset();  // large images fill the memory
    const auto y = model::outputs_in_tiles(model_, inputs, tiles);
    inputs.reset();
    if (!y.defined()) return false;
    give(k, y[0]);
  }
  return true;
}

void Translator::write_grid(int64_t own, int64_t batch) {
  if (options_.grid.empty()) return;
  const int64_t rows = std::min(options_.grid_rows, source_.size());
  for (int64_t begin = own; begin < rows; begin += batch) {
    const int64_t length = std::min(batch, rows - begin);
    if (!one_by_one_) {
      outputs(begin, length);
      continue;
    }
    for (int64_t i = begin; i < begin + length; ++i) for_each_output(i, [](int64_t, const torch::Tensor&) {});
  }
  grid_.write(options_.grid, 1 + samples());
}

}  // namespace monge::session
