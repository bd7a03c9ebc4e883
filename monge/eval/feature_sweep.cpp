#include "monge/eval/feature_sweep.h"

#include <algorithm>
#include <future>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/dist/progress_reduction.h"

namespace monge::eval {
namespace {

/// Those of all ranks, in the order of the images.
std::vector<std::string> of_all(dist::ProcessGroup* group, const std::vector<std::string>& complaints) {
  if (!group) return complaints;
  std::string mine;
  for (const auto& one : complaints) mine += one + '\0';
  std::vector<std::string> out;
  for (const auto& theirs : group->gather(mine)) {
    std::istringstream lines(theirs);
    for (std::string one; out.size() < kMostListed && std::getline(lines, one, '\0');) out.push_back(one);
  }
  return out;
}

/// All ranks of a job know of it.
template <class... Parts>
[[noreturn]] void refuse(dist::ProcessGroup* group, const Parts&... parts) {
  if (group) throw dist::CommonError(text(parts...));
  throw Error(text(parts...));
}

}  // namespace

Sweep sweep_features(const FeatureNet& net, const data::ImageSet& set, const SweepOptions& options) {
  auto* group = options.group;
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
  dist::ProgressReduction tally(group);
  int64_t seen = 0;  // by this rank
  auto next = load(0);
  for (int64_t number = 0; number < pieces.count(); ++number) {
    const auto loaded = next.valid() ? next.get() : std::vector<data::LoadedImage>();
    next = load(number + 1);
    std::vector<torch::Tensor> images;
    for (const auto& image : loaded) {
      if (image.fault.empty()) {
        images.push_back(image.rgb_HWC);
      } else {
        ++out.skipped;
        if (out.complaints.size() < kMostListed) out.complaints.push_back(image.fault);
      }
    }
    tally.post(seen, out.skipped, options.stop && *options.stop);
    if (tally.stop()) break;
    if (options.progress && tally.done() > 0) options.progress(tally.done(), count);
    // Once there is a fault that ends the sweep, the rest is only decoded, to name all faults at once.
    if (!images.empty() && (options.skip_bad || (out.skipped == 0 && tally.left_out() == 0))) {
      const auto features = net.features(images);
      sum.add(features);
      if (options.keep_features) kept.push_back(features);
    }
    seen += static_cast<int64_t>(loaded.size());
  }
  if (!tally.stop()) tally.post(seen, out.skipped, false);
  out.complete = !tally.stop();
  if (!out.complete) return out;
  tally.receive();
  if (options.progress) options.progress(count, count);
  out.skipped = tally.left_out();
  out.complaints = of_all(group, out.complaints);
  if (out.skipped > 0 && !options.skip_bad) {
    refuse(group, set.name(), ": ", out.skipped, " of ", count,
           " images cannot be used; mend or remove them, or skip them",
           listed(out.complaints, static_cast<size_t>(out.skipped)));
  }
  const int64_t usable = count - out.skipped;
  if (usable < 2) {
    refuse(group, set.name(), ": ", usable, usable == 1 ? " image" : " images",
           " to measure; a covariance needs at least 2, and a figure worth reading thousands");
  }
  out.statistics = {protocol_of(net), set.name(), sum.moments(group), {}};
  if (options.keep_features) {
    auto features = kept.empty() ? torch::empty({0, net.dim()}, torch::kFloat32) : torch::cat(kept);
    out.statistics.features_NF = group ? group->gather_rows(features) : features;
  }
  return out;
}

}  // namespace monge::eval
