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

torch::Tensor prepared_clean(const std::vector<torch::Tensor>& images_HWC) {
  std::vector<torch::Tensor> floats, resized(images_HWC.size());
  for (const auto& image : images_HWC) floats.push_back(image.to(torch::kFloat32).contiguous());
  // The threads call resize_float alone, which is plain C++: in them, every LibTorch operator would open a pool of
  // threads of its own.
  const auto resize = [&](int64_t i) { resized[i] = io::resize_float(floats[i], kSize, kSize, io::Filter::bicubic); };
  data::for_each_parallel(static_cast<int64_t>(images_HWC.size()), [&] { return resize; }, at::get_num_threads());
  return ((torch::stack(resized) - 128) / 128).permute({0, 3, 1, 2});
}

torch::Tensor prepared_legacy(const std::vector<torch::Tensor>& images_HWC) {
  std::vector<torch::Tensor> resized;
  for (const auto& image : images_HWC) {
    const auto unit = image.permute({2, 0, 1}).unsqueeze(0).to(torch::kFloat32) / 255;
    resized.push_back(torch::upsample_bilinear2d(unit.contiguous(), {kSize, kSize}, /*align_corners=*/false));
  }
  return (2 * torch::cat(resized) - 1).contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace

InceptionMode inception_mode_named(const std::string& name) {
  if (name == "clean") return InceptionMode::clean;
  if (name == "legacy") return InceptionMode::legacy;
  throw InputError({.what = "unknown mode of the inception features",
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
  nn::to_channels_last(*net_);  // the layout in which oneDNN and cuDNN compute
  net_->to(device);
}

InceptionFeatures::~InceptionFeatures() = default;

torch::Tensor InceptionFeatures::prepared(const std::vector<torch::Tensor>& images_HWC) const {
  check_images(images_HWC, name());
  return mode_ == InceptionMode::clean ? prepared_clean(images_HWC) : prepared_legacy(images_HWC);
}

torch::Tensor InceptionFeatures::features(const std::vector<torch::Tensor>& images_HWC) const {
  check_images(images_HWC, name());
  const auto count = static_cast<int64_t>(images_HWC.size()), step = images_at_once(device_);
  auto out = torch::empty({count, dim()});  // made before the guard, so that callers may write into it
  const c10::InferenceMode inference;
  for (int64_t begin = 0; begin < count; begin += step) {
    const int64_t end = std::min(begin + step, count);
    const std::vector<torch::Tensor> part(images_HWC.begin() + begin, images_HWC.begin() + end);
    out.slice(0, begin, end).copy_(net_->forward(prepared(part).to(device_)));
  }
  check_finite_features(out, name());
  return out;
}

}  // namespace monge::eval
