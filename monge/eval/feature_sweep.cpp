#include "monge/eval/feature_sweep.h"

#include <algorithm>
#include <future>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/dist/progress_reduction.h"

namespace monge::eval {
namespace {

/// The images without a fault. Counts the others in `sweep`.
std::vector<torch::Tensor> usable_images(const std::vector<data::LoadedImage>& loaded, Sweep& sweep) {
  std::vector<torch::Tensor> out;
  for (const auto& image : loaded) {
    if (image.fault.empty()) {
      out.push_back(image.rgb_HWC);
    } else {
      ++sweep.skipped;
      if (sweep.complaints.size() < kMostListed) sweep.complaints.push_back(image.fault);
    }
  }
  return out;
}

/// Throws on all ranks or on none. @param sweep  the sums over all ranks.
void require_usable(const data::ImageSet& set, const Sweep& sweep, int64_t count, bool skip_bad) {
  if (sweep.skipped > 0 && !skip_bad) {
    throw dist::CommonError(text(set.name(), ": ", sweep.skipped, " of ", count,
                                 " images cannot be used; repair or remove them, or skip them",
                                 listed(sweep.complaints, static_cast<size_t>(sweep.skipped))));
  }
  const int64_t usable = count - sweep.skipped;
  if (usable < 2) {
    throw dist::CommonError(
        text(set.name(), ": ", usable, usable == 1 ? " image" : " images",
             " can be used; a covariance needs at least 2, and a meaningful metric needs thousands"));
  }
}

}  // namespace

Sweep sweep_features(const FeatureNet& net, const data::ImageSet& set, const SweepOptions& options,
                     dist::ProcessGroup& group) {
  const int64_t count = options.most > 0 ? std::min(options.most, set.size()) : set.size();
  const dist::WorkPartition pieces(count, options.batch, group);
  const auto load = [&](int64_t number) -> std::future<std::vector<data::LoadedImage>> {
    if (number == pieces.count() || pieces[number].length == 0) return {};
    return std::async(std::launch::async,
                      [&set, piece = pieces[number]] { return set.load(piece.begin, piece.begin + piece.length); });
  };
  Sweep out;
  MomentSum sum;
  std::vector<torch::Tensor> kept;
  dist::ProgressReduction progress(group);
  int64_t seen = 0;  // by this rank
  auto next = load(0);
  for (int64_t number = 0; number < pieces.count(); ++number) {
    const auto loaded = next.valid() ? next.get() : std::vector<data::LoadedImage>();
    next = load(number + 1);
    const auto images = usable_images(loaded, out);
    progress.post(seen, out.skipped, options.stop && *options.stop);
    if (progress.stop()) break;
    if (options.progress && progress.done() > 0) options.progress(progress.done(), count);
    // After a fault that ends the sweep the rest is only decoded, so that the error names all faults.
    if (!images.empty() && (options.skip_bad || (out.skipped == 0 && progress.left_out() == 0))) {
      const auto features = net.features(images);
      sum.add(features);
      if (options.keep_features) kept.push_back(features);
    }
    seen += static_cast<int64_t>(loaded.size());
  }
  if (!progress.stop()) progress.post(seen, out.skipped, false);
  out.complete = !progress.stop();
  if (!out.complete) return out;
  progress.receive();
  if (options.progress) options.progress(count, count);
  out.skipped = progress.left_out();
  out.complaints = dist::gather_complaints(group, out.complaints);
  require_usable(set, out, count, options.skip_bad);
  out.statistics = {protocol_of(net), set.name(), sum.moments(group), {}};
  if (options.keep_features) {
    auto features = kept.empty() ? torch::empty({0, net.dim()}, torch::kFloat32) : torch::cat(kept);
    out.statistics.features_NF = group.gather_rows(features);
  }
  return out;
}

}  // namespace monge::eval
