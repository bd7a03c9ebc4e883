#include "monge/eval/features.h"

#include "monge/core/error.h"

namespace monge::eval {

void check_images(const std::vector<torch::Tensor>& images_HWC, const std::string& net) {
  require(!images_HWC.empty(), net, ": the list of images is empty");
  for (size_t i = 0; i < images_HWC.size(); ++i) {
    const auto& image = images_HWC[i];
    if (!image.defined()) throw InputError(text(net, ": image ", i, " is an undefined tensor"));
    if (image.scalar_type() == torch::kUInt8 && image.device().is_cpu() && image.dim() == 3 && image.size(2) == 3 &&
        image.numel() > 0) {
      continue;
    }
    throw InputError({.what = "not an image",
                      .where = text(net, ", image ", i),
                      .value = text(image.scalar_type(), ' ', image.sizes(), " on ", image.device()),
                      .allowed = "uint8 RGB [H, W, 3] on the CPU",
                      .fix = "io::to_rgb converts grey and RGBA to RGB; io::from_float converts floats to bytes"});
  }
}

int64_t images_at_once(torch::Device device) { return device.is_cpu() ? 4 : 64; }

void check_finite_features(const torch::Tensor& features_NF, const std::string& net) {
  const auto bad = torch::isfinite(features_NF).all(1).logical_not().nonzero();
  if (bad.size(0) == 0) return;
  throw InputError({.what = text("features of ", bad.size(0), " of ", features_NF.size(0), " images are not finite"),
                    .where = text(net, ", image ", bad[0][0].item<int64_t>()),
                    .fix = "check the weight file: it may be damaged or belong to another net"});
}

}  // namespace monge::eval
