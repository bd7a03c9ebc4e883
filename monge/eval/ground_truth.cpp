#include "monge/eval/ground_truth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/random.h"
#include "monge/eval/colouring.h"
#include "monge/eval/paired.h"

namespace monge::eval {
namespace {

constexpr int64_t kTruthAtOnce = 64;   // images; bounds the memory
constexpr double kLeastError = 1e-12;  // of equal images

std::string stem_of(const std::string& name) {
  return std::filesystem::path(name).replace_extension().generic_string();
}

/// Sums over pairs of images.
struct PairSums {
  double mse = 0, ssim = 0, lpips = 0, count = 0;
  BackgroundSums background{};  ///< of outputs
};

/// Images [N, 1 or 3, H, W] in colour as saving rounds them.
SignedImages as_saved_images(const torch::Tensor& images) {
  const auto bytes = ((images.expand({-1, 3, -1, -1}).clamp(-1, 1) + 1) * 127.5).round();
  return SignedImages::from_signed(bytes / 127.5 - 1, SignedImages::Doubt::accept);
}

void add_pairs(const torch::Tensor& images, const SignedImages& truth, const Lpips* lpips, PairSums& sums) {
  const auto own = as_saved_images(images);
  sums.mse += mean_squared_error(own, truth).sum().item<double>();
  if (std::min(truth.height(), truth.width()) >= kSsimSide)
    sums.ssim += structural_similarity(own, truth).sum().item<double>();
  if (lpips) sums.lpips += lpips->distance(own, truth).to(torch::kFloat64).sum().item<double>();
  sums.count += static_cast<double>(truth.count());
}

/// What is compared with the right outputs.
enum Compared { kOutputs, kInputs, kOthers, kCompared };

/// Sums over the ranks.
void add_ranks(dist::ProcessGroup& group, std::array<PairSums, kCompared>& sums) {
  if (group.size() == 1) return;
  constexpr int64_t kFields = 6;
  const auto all = torch::empty({kCompared, kFields}, torch::kFloat64);
  auto* at = all.mutable_data_ptr<double>();
  for (const auto& one : sums) {
    for (const double value : {one.mse, one.ssim, one.lpips, one.count, one.background.shift, one.background.images})
      *at++ = value;
  }
  group.sum(all);
  const auto* from = all.const_data_ptr<double>();
  for (auto& one : sums) {
    for (double* value : {&one.mse, &one.ssim, &one.lpips, &one.count, &one.background.shift, &one.background.images})
      *value = *from++;
  }
}

}  // namespace

std::vector<int64_t> partners_of(const data::Source& source, const std::vector<int64_t>& inputs,
                                 const data::Source& truth) {
  constexpr int64_t kSeveral = -1;
  std::map<std::string, int64_t> by_name, by_stem;
  for (int64_t i = 0; i < truth.size(); ++i) {
    const auto name = truth.item_name(i);
    by_name.emplace(name, i);
    const auto [at, fresh] = by_stem.emplace(stem_of(name), i);
    if (!fresh) at->second = kSeveral;
  }
  std::vector<int64_t> out;
  for (const int64_t input : inputs) {
    const auto name = source.item_name(input);
    auto found = by_name.find(name);
    if (found == by_name.end()) {
      found = by_stem.find(stem_of(name));
      const bool several = found != by_stem.end() && found->second == kSeveral;
      if (found == by_stem.end() || several) {
        throw InputError({.what = several ? "an input has several right outputs of its name"
                                          : "an input has no right output of its name",
                          .where = truth.name(),
                          .value = shown(name),
                          .fix = "name the right output as the input, except for the extension"});
      }
    }
    out.push_back(found->second);
  }
  return out;
}

NamedMetrics evaluate_against_truth(const model::Model& model, const data::Source& source, const data::Source& truth,
                                    int64_t samples, uint64_t seed, const Lpips* lpips, dist::ProcessGroup& group,
                                    EvaluationProgress progress) {
  for (const auto* side : {&source, &truth}) {
    require(!side->endless(), side->name(), ": is endless, and right outputs are compared item by item");
    require(side->item_shape().size() == 3, side->name(), ": holds vectors; only right outputs of images are compared");
  }
  const RandomStreams streams(seed);
  const auto inputs = data::some_indices(source.size(), samples, streams.at("eval source", 0));
  const auto partners = partners_of(source, inputs, truth);
  const auto count = static_cast<int64_t>(inputs.size());
  const int64_t samples_per_input = model.stochastic() ? 2 : 1;
  std::array<PairSums, kCompared> sums{};
  const auto chunks = dist::slice_of((count + kTruthAtOnce - 1) / kTruthAtOnce, group);
  for (int64_t chunk = chunks.begin; chunk < chunks.begin + chunks.length; ++chunk) {
    const int64_t begin = chunk * kTruthAtOnce, end = std::min(begin + kTruthAtOnce, count);
    std::vector<int64_t> own, right, other;
    for (int64_t i = begin; i < end; ++i) {
      own.push_back(inputs[static_cast<size_t>(i)]);
      right.push_back(partners[static_cast<size_t>(i)]);
      other.push_back(partners[static_cast<size_t>((i + 1) % count)]);  // the inputs are in random order
    }
    const auto x = source.items(own), y = truth.items(right);
    const auto outputs = model.translate(x, samples_per_input, streams.at("eval z", begin)).cpu();
    if (y.sizes() != x.sizes()) {
      throw InputError({.what = "the right outputs have another size than the inputs",
                        .where = truth.name(),
                        .value = text(y.size(3), "x", y.size(2)),
                        .allowed = text(x.size(3), "x", x.size(2))});
    }
    const auto wanted = as_saved_images(y);
    for (int64_t k = 0; k < samples_per_input; ++k) add_pairs(outputs.select(1, k), wanted, lpips, sums[kOutputs]);
    if (x.size(1) == 3 && y.size(1) == 3) {
      const auto background = background_sums(x, outputs.clamp(-1, 1), y);
      sums[kOutputs].background.shift += background.shift;
      sums[kOutputs].background.images += background.images;
    }
    add_pairs(x, wanted, lpips, sums[kInputs]);
    if (count > 1) add_pairs(truth.items(other), wanted, lpips, sums[kOthers]);
    progress.at("comparing with the right outputs", chunk - chunks.begin + 1, chunks.length);
  }
  add_ranks(group, sums);

  const bool wide = std::min(truth.item_shape()[1], truth.item_shape()[2]) >= kSsimSide;
  NamedMetrics out;
  const auto add = [&](const std::string& name, const auto& value) {
    constexpr std::array<const char*, kCompared> kEndings = {"", "_input", "_random"};
    for (size_t i = 0; i < kCompared; ++i) {
      if (sums[i].count > 0) out.emplace_back(name + kEndings[i], value(sums[i]));
    }
  };
  add("truth_psnr", [](const PairSums& s) { return 10 * std::log10(4 / std::max(s.mse / s.count, kLeastError)); });
  if (wide) add("truth_ssim", [](const PairSums& s) { return s.ssim / s.count; });
  if (lpips) add("truth_lpips", [](const PairSums& s) { return s.lpips / s.count; });
  const auto& background = sums[kOutputs].background;
  if (background.images > 0) out.emplace_back("truth_background", background.mean());
  return out;
}

}  // namespace monge::eval
