#include "monge/serve/translate_together.h"

#include <cstdio>

#include "monge/core/random.h"
#include "monge/data/source.h"
#include "monge/model/displacement.h"
#include "monge/session/translation_input.h"

namespace monge::serve {
namespace {

/// The map of a request, as session::translate prepares it.
model::Model prepared(const Translation& translation) {
  auto map = translation.inverse ? translation.model->map.inverse() : translation.model->map;
  session::apply_noise_options(translation.options, map);
  const auto item = translation.x.sizes().slice(1);
  if (item.size() == 3 && item != torch::IntArrayRef(map.item_shape)) map = map.at_any_size();
  map.require_takes(item);
  return map;
}

/// The noise of an item of a tensor: the stream of session::Translator for its name.
torch::Generator noise_of(const session::TranslateOptions& options, int64_t item) {
  char name[24];
  std::snprintf(name, sizeof name, "%06lld", static_cast<long long>(item));
  const RandomStreams streams(static_cast<uint64_t>(options.seed));
  return streams.at(options.noise == "fixed" ? "translate fixed" : std::string("translate/") + name, 0);
}

/// The items as the map takes them.
torch::Tensor items_for(const model::Model& map, const torch::Tensor& x) {
  if (map.standardisation) return x.to(torch::kFloat64);
  return x.scalar_type() == torch::kUInt8 ? data::as_floats(x) : x.to(torch::kFloat32);
}

}  // namespace

bool can_be_batched(const Translation& translation) {
  const auto& map = translation.model->map;
  const auto& options = translation.options;
  if (options.steps > 0 || options.size == "residual" || map.item_shape.empty()) return false;
  // session::translate says what is wrong with them.
  if (options.samples > 1 && (options.noiseless() || !map.stochastic())) return false;
  if (translation.inverse ? options.noise_scale != 1 : !map.takes_noise_scale(options.noise_scale)) return false;
  if (translation.x.dim() == 2) return !options.t || *options.t == 1;
  const auto item = translation.x.sizes().slice(1);
  if (item.size() != 3 || item[0] != map.item_shape[0]) return false;  // also inputs that carry their noise
  if (item == torch::IntArrayRef(map.item_shape)) return true;
  constexpr int64_t kMostPixels = 128 * 128;  // as session::Translator
  if (!map.sizes || item[1] * item[2] > kMostPixels) return false;
  const auto fits = [&](int64_t side) { return side >= map.sizes->least && side % map.sizes->multiple == 0; };
  return fits(item[1]) && fits(item[2]);
}

bool belong_together(const Translation& a, const Translation& b) {
  return a.model == b.model && a.inverse == b.inverse && a.x.sizes().slice(1) == b.x.sizes().slice(1) &&
         a.options.samples == b.options.samples && a.options.deterministic == b.options.deterministic &&
         a.options.noise_scale == b.options.noise_scale && a.options.t == b.options.t &&
         a.options.size == b.options.size && a.options.noise == b.options.noise && can_be_batched(b);
}

std::vector<torch::Tensor> translate_together(const std::vector<Translation>& batch) {
  const auto map = prepared(batch.at(0));
  const int64_t samples = batch[0].options.samples;
  std::vector<torch::Tensor> inputs;
  std::vector<int64_t> counts;
  for (const auto& translation : batch) {
    const auto x = items_for(map, translation.x);
    counts.push_back(x.size(0));
    if (!map.stochastic()) {
      inputs.push_back(map.inputs(x, 1, noise_of(translation.options, 0)));
      continue;
    }
    for (int64_t i = 0; i < x.size(0); ++i)
      inputs.push_back(map.inputs(x.narrow(0, i, 1), samples, noise_of(translation.options, i)));
  }
  const int64_t per_item = map.stochastic() ? samples : 1;
  const auto all = map.outputs(torch::cat(inputs));
  const auto by_item =
      all.unflatten(0, std::vector<int64_t>{all.size(0) / per_item, per_item}).split_with_sizes(counts);
  std::vector<torch::Tensor> out;
  for (size_t i = 0; i < batch.size(); ++i) {
    auto y = by_item[i].to(torch::kCPU);
    if (const auto t = batch[i].options.t; t && y.dim() == 5)
      y = model::between(items_for(map, batch[i].x).unsqueeze(1), y, *t);
    out.push_back(y);
  }
  return out;
}

}  // namespace monge::serve
