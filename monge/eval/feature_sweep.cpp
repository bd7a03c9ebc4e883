#include "monge/eval/feature_sweep.h"

#include <algorithm>
#include <future>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge::eval {
namespace {

/// How far the sweep is on all ranks. Each tells it after a batch and hears it one batch later, so that nobody waits for the others'
/// pictures.
class Tally {
 public:
  explicit Tally(dist::World* world) : world_(world) {}

  /// All ranks call it equally often.
  void tell(int64_t seen, int64_t bad, bool stop) {
    hear();
    told_ = torch::tensor({seen, bad, static_cast<int64_t>(stop)}, torch::kInt64);
    if (world_) {
      coming_ = torch::empty_like(told_);
      work_ = world_->start_sum(told_, coming_);
    } else {
      heard_ = told_;
    }
  }

  void hear() {
    if (!work_) return;
    work_->wait();
    work_.reset();
    heard_ = coming_;
  }

  int64_t seen() const { return heard_[0].item<int64_t>(); }
  int64_t bad() const { return heard_[1].item<int64_t>(); }
  bool stop() const { return heard_[2].item<int64_t>() > 0; }

 private:
  dist::World* world_;
  std::unique_ptr<dist::Work> work_;
  torch::Tensor told_, coming_, heard_ = torch::zeros({3}, torch::kInt64);
};

/// Those of all ranks, in the order of the pictures.
std::vector<std::string> of_all(dist::World* world, const std::vector<std::string>& complaints) {
  if (!world) return complaints;
  std::string mine;
  for (const auto& one : complaints) mine += one + '\0';
  std::vector<std::string> out;
  for (const auto& theirs : world->gather(mine)) {
    std::istringstream lines(theirs);
    for (std::string one; out.size() < kMostListed && std::getline(lines, one, '\0');) out.push_back(one);
  }
  return out;
}

/// All ranks of a job know of it.
template <class... Parts>
[[noreturn]] void refuse(dist::World* world, const Parts&... parts) {
  if (world) throw dist::CommonError(text(parts...));
  throw Error(text(parts...));
}

}  // namespace

Sweep sweep_features(const FeatureNet& net, const data::PictureSet& set, const SweepOptions& options) {
  auto* world = options.world;
  const int64_t count = options.most > 0 ? std::min(options.most, set.size()) : set.size();
  const auto own = dist::share_of(count, world);
  const int64_t own_end = own.begin + own.length;
  const int64_t ranks = world ? world->size() : 1;
  const int64_t largest_share = (count + ranks - 1) / ranks;
  const auto load = [&](int64_t begin) {
    return std::async(std::launch::async,
                      [&set, begin, end = std::min(begin + options.batch, own_end)] { return set.load(begin, end); });
  };
  Sweep out;
  MomentSum sum;
  std::vector<torch::Tensor> kept;
  Tally tally(world);
  std::future<std::vector<data::Picture>> next;
  if (own.length > 0) next = load(own.begin);
  for (int64_t at = 0; at < largest_share; at += options.batch) {  // equally often on all ranks, though some have nothing left
    const int64_t begin = std::min(own.begin + at, own_end), end = std::min(begin + options.batch, own_end);
    const auto pictures = next.valid() ? next.get() : std::vector<data::Picture>();
    if (end < own_end) next = load(end);
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
    if (!images.empty() && (options.skip_bad || (out.skipped == 0 && tally.bad() == 0))) {
      const auto features = net.features(images);
      sum.add(features);
      if (options.keep_features) kept.push_back(features);
    }
    tally.tell(end - own.begin, out.skipped, options.stop && *options.stop);
    if (tally.stop()) {
      out.complete = false;
      return out;
    }
    if (options.progress && tally.seen() < count) options.progress(tally.seen(), count);
  }
  tally.hear();
  if (options.progress) options.progress(count, count);
  out.skipped = tally.bad();
  out.complaints = of_all(world, out.complaints);
  if (out.skipped > 0 && !options.skip_bad) {
    refuse(world, set.name(), ": ", out.skipped, " of ", count, " pictures cannot be used; mend or remove them, or skip them",
           listed(out.complaints, static_cast<size_t>(out.skipped)));
  }
  const int64_t usable = count - out.skipped;
  if (usable < 2) {
    refuse(world, set.name(), ": ", usable, usable == 1 ? " picture" : " pictures",
           " to measure; a covariance needs at least 2, and a figure worth reading thousands");
  }
  out.statistics = {protocol_of(net), set.name(), sum.moments(world), {}};
  if (options.keep_features) {
    auto features = kept.empty() ? torch::empty({0, net.dim()}, torch::kFloat32) : torch::cat(kept);
    out.statistics.features_NF = world ? world->gather_rows(features) : features;
  }
  return out;
}

}  // namespace monge::eval
