#include "monge/eval/inception.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/data/parallel.h"
#include "monge/eval/inception_net.h"
#include "monge/io/resize.h"
#include "monge/io/torch_checkpoint.h"

namespace monge::eval {
namespace {

constexpr int64_t kSize = 299;

torch::Tensor prepared_clean(const torch::Tensor& image_HWC) {
  const auto resized = io::resize_float(image_HWC.to(torch::kFloat32), kSize, kSize, io::Filter::bicubic);
  return ((resized - 128) / 128).permute({2, 0, 1});
}

torch::Tensor prepared_legacy(const torch::Tensor& image_HWC) {
  const auto unit = (image_HWC.permute({2, 0, 1}).to(torch::kFloat32) / 255).unsqueeze(0);
  return (2 * torch::upsample_bilinear2d(unit.contiguous(), {kSize, kSize}, /*align_corners=*/false) - 1).squeeze(0);
}

}  // namespace

InceptionMode inception_mode_named(const std::string& name) {
  if (name == "clean") return InceptionMode::clean;
  if (name == "legacy") return InceptionMode::legacy;
  throw Error(Complaint{.what = "unknown mode of the inception features",
                        .value = name,
                        .allowed = "clean, legacy",
                        .fix = suggestion(name, {"clean", "legacy"})});
}

InceptionFeatures::InceptionFeatures(const std::filesystem::path& weights, InceptionMode mode, torch::Device device)
    : mode_(mode), device_(device), net_(std::make_unique<InceptionNet>()) {
  const auto bytes = real_files().read(weights);
  hash_ = content_hash(bytes);
  net_->load(io::parse_torch_checkpoint(bytes, weights.string()).tensors, weights.string());
  net_->fold();
  nn::to_channels_last(*net_);  // what oneDNN and cuDNN compute convolutions in
  net_->to(device);
}

InceptionFeatures::~InceptionFeatures() = default;

torch::Tensor InceptionFeatures::prepared(const torch::Tensor& image_HWC) const {
  return mode_ == InceptionMode::clean ? prepared_clean(image_HWC) : prepared_legacy(image_HWC);
}

torch::Tensor InceptionFeatures::features(const std::vector<torch::Tensor>& images_HWC) const {
  check_pictures(images_HWC, name());
  const auto count = static_cast<int64_t>(images_HWC.size());
  auto out = torch::empty({count, dim()});  // before the guard: callers may write into it
  const c10::InferenceMode inference;
  const int64_t step = pictures_at_once(device_);
  for (int64_t begin = 0; begin < count; begin += step) {
    const int64_t size = std::min(step, count - begin);
    auto batch = torch::empty({size, 3, kSize, kSize}, torch::MemoryFormat::ChannelsLast);
    const auto prepare = [&](int64_t i) { batch[i].copy_(prepared(images_HWC[begin + i])); };
    data::for_each_parallel(
        size, [&] { return [&, inference = std::make_shared<c10::InferenceMode>()](int64_t i) { prepare(i); }; },
        at::get_num_threads());
    out.slice(0, begin, begin + size).copy_(net_->forward(batch.to(device_)));
  }
  check_finite_features(out, name());
  return out;
}

}  // namespace monge::eval
