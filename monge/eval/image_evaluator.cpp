#include "monge/eval/image_evaluator.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/eval/inception.h"
#include "monge/eval/paired.h"
#include "monge/eval/torchscript_features.h"
#include "monge/eval/weights.h"
#include "monge/io/image.h"
#include "monge/io/tensor_file.h"

namespace monge::eval {
namespace {

constexpr size_t kMostCached = 4;
constexpr int64_t kFeaturesAtOnce = 64;  // images; a multiple of images_at_once(), so that the nets' batches stay equal

/// `of_fid_net` for the FID Inception net, else "OTHER_NAME".
std::string key(const char* of_fid_net, const char* other, const FeatureNet& net) {
  if (is_fid_net(protocol_of(net))) return of_fid_net;
  std::string out = std::string(other) + "_";
  for (const char c : net.name()) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return out;
}

torch::Tensor in_colour(const torch::Tensor& images_BCHW) { return images_BCHW.expand({-1, 3, -1, -1}); }

/// The images as saving makes them: uint8 [H, W, 3] each.
std::vector<torch::Tensor> as_saved(const torch::Tensor& images_BCHW) {
  std::vector<torch::Tensor> out;
  for (const auto& image : in_colour(images_BCHW.cpu()).unbind()) out.push_back(io::from_float(image));
  return out;
}

SignedImages rounded(const torch::Tensor& images_BCHW) {
  std::vector<torch::Tensor> out;
  for (const auto& image : as_saved(images_BCHW)) out.push_back(io::to_float(image));
  return SignedImages::from_signed(torch::stack(out), SignedImages::Doubt::accept);
}

}  // namespace

std::string frechet_key(const FeatureNet& net) { return key("fid", "fd", net); }

std::shared_ptr<const FeatureNet> open_features(const std::string& features, const std::string& mode,
                                                const std::string& weights, torch::Device device) {
  if (names_fid_net(features)) {
    return std::make_shared<InceptionFeatures>(find_weights(kFidNetName, weights), inception_mode_named(mode), device);
  }
  if (!std::filesystem::exists(features)) {
    throw InputError({.what = "no such feature net",
                      .where = "features",
                      .value = '"' + features + '"',
                      .allowed = "inception, or a TorchScript file"});
  }
  return std::make_shared<TorchScriptFeatures>(features, device);
}

std::shared_ptr<const Lpips> open_lpips(const std::string& net, const std::string& weights, torch::Device device) {
  const auto kind = lpips_net_named(net);
  static const std::map<std::string, const char*> trunks = {
      {"alex", "alexnet"}, {"squeeze", "squeezenet1_1"}, {"vgg", "vgg16"}};
  return std::make_shared<Lpips>(kind, find_weights(trunks.at(net), weights), find_weights("lpips-" + net, weights),
                                 device);
}

FeatureStatistics ImageEvaluator::statistics(const torch::Tensor& images_BCHW, const Work& work) const {
  const auto own = dist::slice_of(images_BCHW.size(0), work.group);
  auto features = torch::empty({own.length, features_->dim()}, torch::kFloat32);
  for (int64_t begin = 0; begin < own.length; begin += kFeaturesAtOnce) {
    const int64_t length = std::min(kFeaturesAtOnce, own.length - begin);
    features.narrow(0, begin, length)
        .copy_(features_->features(as_saved(images_BCHW.narrow(0, own.begin + begin, length))));
    if (work.between_blocks) work.between_blocks();
  }
  MomentSum sum;
  sum.add(features);
  const auto moments = sum.moments(work.group);
  features = work.group.gather_rows(features);  // the kernel distance needs all of them
  return {.protocol = protocol_of(*features_), .source = "the samples", .moments = moments, .features_NF = features};
}

FeatureStatistics ImageEvaluator::cached_statistics(const torch::Tensor& images_BCHW, const Work& work) {
  const auto plain = io::plain(images_BCHW);
  const auto hash = content_hash(io::bytes_of(plain));
  const auto at = cache_.find(hash);
  if (at != cache_.end()) return at->second;
  if (cache_.size() >= kMostCached) cache_.clear();
  return cache_.emplace(hash, statistics(images_BCHW, work)).first->second;
}

std::vector<std::pair<std::string, std::string>> ImageEvaluator::protocol() const {
  std::vector<std::pair<std::string, std::string>> out;
  if (features_) {
    out.emplace_back("features", features_->name());
    out.emplace_back("features_mode", features_->mode());
    out.emplace_back("features_weights", features_->hash());
  }
  if (lpips_) {
    out.emplace_back("lpips_net", lpips_->name());
    out.emplace_back("lpips_weights", lpips_->hash());
  }
  return out;
}

std::string ImageEvaluator::few_samples_warning(int64_t outputs, int64_t target) const {
  if (!features_ || std::min(outputs, target) > features_->dim()) return {};
  return text(frechet_key(*features_), " uses ", outputs, " outputs and ", target, " target samples for ",
              features_->dim(),
              " features, so it has a large positive bias: compare it with its floor and with values of the same "
              "counts, or use ",
              key("kid", "kd", *features_), ", which has no bias; for more samples raise eval.samples or eval.holdout");
}

void ImageEvaluator::add_feature_metrics(const torch::Tensor& x, const torch::Tensor& output, const torch::Tensor& y,
                                         const torch::Tensor& y_b, const Work& work, NamedMetrics& out) {
  if (x.size(0) < 2 || y.size(0) < 2) return;
  const auto frechet = frechet_key(*features_), kernel = key("kid", "kd", *features_);
  const auto mapped = statistics(output.select(1, 0), work);
  const auto target = cached_statistics(y, work);
  const auto distance = kernel_distance(mapped, target, work.group, work.between_blocks);
  out.emplace_back(frechet, frechet_distance(mapped, target));
  out.emplace_back(kernel, distance.value);
  out.emplace_back(kernel + "_stderr", distance.standard_error);
  if (!y_b.defined() || y_b.size(0) < 2) return;
  // As many samples as outputs, because the Frechet distance falls with the count.
  const auto other = cached_statistics(y_b.slice(0, 0, x.size(0)), work);
  out.emplace_back(frechet + "_floor", frechet_distance(other, target));
  out.emplace_back(kernel + "_floor", kernel_distance(other, target, work.group, work.between_blocks).value);
}

void ImageEvaluator::add_lpips_metrics(const torch::Tensor& x, const torch::Tensor& output, const Work& work,
                                       NamedMetrics& out) const {
  const int64_t samples_per_input = output.size(1);
  const auto own = dist::slice_of(x.size(0), work.group);
  const auto part = [&](const torch::Tensor& images) { return rounded(images.narrow(0, own.begin, own.length)); };
  // The mean over the images of all ranks. `values` gives a value for each image of this rank.
  const auto mean = [&](auto&& values) {
    const auto sum =
        own.length > 0 ? values().to(torch::kFloat64).sum().reshape({1}).cpu() : torch::zeros({1}, torch::kFloat64);
    work.group.sum(sum);
    return sum.template item<double>() / static_cast<double>(own.whole);
  };
  const auto input = own.length > 0 ? std::optional(part(x)) : std::nullopt;
  const bool wide = x.size(2) >= kSsimSide && x.size(3) >= kSsimSide;
  std::vector<std::optional<SignedImages>> seen;
  double change = 0, similarity = 0, difference = 0;
  for (int64_t k = 0; k < samples_per_input; ++k) {
    const auto sample = own.length > 0 ? std::optional(part(output.select(1, k))) : std::nullopt;
    change += mean([&] { return lpips_->distance(*input, *sample, work.between_blocks); });
    if (wide) similarity += mean([&] { return structural_similarity(*input, *sample); });
    for (const auto& other : seen)
      difference += mean([&] { return lpips_->distance(*other, *sample, work.between_blocks); });
    seen.push_back(sample);
  }
  out.emplace_back("lpips", change / static_cast<double>(samples_per_input));
  if (wide) out.emplace_back("ssim", similarity / static_cast<double>(samples_per_input));
  if (samples_per_input > 1)
    out.emplace_back("lpips_diversity",
                     difference / static_cast<double>(samples_per_input * (samples_per_input - 1) / 2));
}

NamedMetrics ImageEvaluator::evaluate(const torch::Tensor& x, const torch::Tensor& output, const torch::Tensor& y,
                                      const torch::Tensor& y_b, dist::ProcessGroup& group,
                                      const BetweenBlocks& between_blocks) {
  NamedMetrics out;
  const Work work{group, between_blocks};
  if (!output.isfinite().all().item<bool>()) return out;  // rounding would turn NaN into black
  if (features_) add_feature_metrics(x, output, y, y_b, work, out);
  if (lpips_) add_lpips_metrics(x, output, work, out);
  return out;
}

}  // namespace monge::eval
