#include "monge/eval/feature_sweep.h"

#include <algorithm>
#include <future>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge::eval {
Sweep sweep_features(const FeatureNet& net, const data::PictureSet& set, const SweepOptions& options) {
  const int64_t count = options.most > 0 ? std::min(options.most, set.size()) : set.size();
  const auto load = [&](int64_t begin) {
    return std::async(std::launch::async,
                      [&set, begin, end = std::min(begin + options.batch, count)] { return set.load(begin, end); });
  };
  Sweep out;
  MomentSum sum;
  std::vector<torch::Tensor> kept;
  auto next = load(0);
  for (int64_t begin = 0; begin < count; begin += options.batch) {
    const auto pictures = next.get();
    if (begin + options.batch < count) next = load(begin + options.batch);
    if (options.stop && *options.stop) {
      out.complete = false;
      return out;
    }
    std::vector<torch::Tensor> images;
    for (const auto& picture : pictures) {
      if (picture.fault.empty()) {
        images.push_back(picture.rgb_HWC);
      } else {
        ++out.skipped;
        if (out.complaints.size() < kMostListed) out.complaints.push_back(picture.fault);
      }
    }
    // Once there is a fault that ends the sweep, the rest is only decoded, to name all faults at once.
    if (!images.empty() && (out.skipped == 0 || options.skip_bad)) {
      const auto features = net.features(images);
      sum.add(features);
      if (options.keep_features) kept.push_back(features);
    }
    if (options.progress) options.progress(std::min(begin + options.batch, count), count);
  }
  if (out.skipped > 0 && !options.skip_bad) {
    throw Error(text(set.name(), ": ", out.skipped, " of ", count,
                     " pictures cannot be used; mend or remove them, or skip them",
                     listed(out.complaints, static_cast<size_t>(out.skipped))));
  }
  require(sum.count() >= 2, set.name(), ": ", sum.count(), sum.count() == 1 ? " picture" : " pictures",
          " to measure; a covariance needs at least 2, and a figure worth reading thousands");
  out.statistics = {protocol_of(net), set.name(), sum.moments(), kept.empty() ? torch::Tensor() : torch::cat(kept)};
  return out;
}

}  // namespace monge::eval
