#include "monge/eval/feature_moments.h"

#include <algorithm>
#include <sstream>

#include "monge/core/error.h"
#include "monge/dist/process_group.h"

namespace monge::eval {
namespace {

constexpr int64_t kBlock = 512;  // rows; the matrix product gets no faster with more

}  // namespace

void MomentSum::add(const torch::Tensor& features_NF) {
  require(features_NF.dim() == 2 && features_NF.is_floating_point(), "features must be [N, F] floats, got ",
          features_NF.sizes());
  require(features_NF.isfinite().all().item<bool>(), "features: NaN or infinite values");
  const auto rows = features_NF.detach().to(torch::kCPU, torch::kFloat64);
  require(waiting_.empty() || waiting_[0].size(1) == rows.size(1), "features: rows of ", rows.size(1),
          " numbers after rows of ", waiting_.empty() ? 0 : waiting_[0].size(1));
  require(!shift_.defined() || shift_.size(0) == rows.size(1), "features: rows of ", rows.size(1),
          " numbers after rows of ", shift_.defined() ? shift_.size(0) : 0);
  for (int64_t begin = 0; begin < rows.size(0);) {
    const int64_t length = std::min(kBlock - waiting_count_, rows.size(0) - begin);
    waiting_.push_back(rows.narrow(0, begin, length).clone());
    waiting_count_ += length;
    begin += length;
    if (waiting_count_ < kBlock) break;
    take(torch::cat(waiting_));
    waiting_.clear();
    waiting_count_ = 0;
  }
  count_ += rows.size(0);
}

void MomentSum::take(const torch::Tensor& block_NF) {
  if (!shift_.defined()) {
    shift_ = block_NF.mean(0);
    sum_ = torch::zeros_like(shift_);
    products_ = torch::zeros({shift_.size(0), shift_.size(0)}, torch::kFloat64);
  }
  const auto centred = block_NF - shift_;
  sum_ += centred.sum(0);
  products_.addmm_(centred.t(), centred);
}

/// Adds the sums of all ranks about one shift: that of the first rank that has rows. No row may wait for its block.
void MomentSum::pool(dist::ProcessGroup& group) {
  const auto counts = group.gather(text(count_, ' ', shift_.defined() ? shift_.size(0) : 0));
  int64_t total = 0, width = 0;
  size_t first = counts.size();
  for (size_t rank = 0; rank < counts.size(); ++rank) {
    int64_t rows = 0, entries = 0;
    std::istringstream(counts[rank]) >> rows >> entries;
    total += rows;
    if (rows > 0 && first == counts.size()) first = rank, width = entries;
    require(rows == 0 || entries == width, "features: rows of ", width, " and of ", entries,
            " numbers on the ranks of one job");
  }
  if (total == 0) return;
  auto shift = shift_.defined() ? shift_.clone() : torch::zeros({width}, torch::kFloat64);
  group.broadcast(shift, static_cast<int64_t>(first));
  if (count_ == 0) {
    sum_ = torch::zeros_like(shift);
    products_ = torch::zeros({width, width}, torch::kFloat64);
  } else {
    // sum (x - s)(x - s)' = P + S d' + d S' + n d d'  with  d = own shift - s,  P and S the own sums.
    const auto d = shift_ - shift;
    const auto crossed = torch::outer(sum_, d);
    const auto n = static_cast<double>(count_);
    products_ += crossed + crossed.t() + n * torch::outer(d, d);
    sum_ += n * d;
  }
  group.sum(sum_);
  group.sum(products_);
  count_ = total;
  shift_ = shift;
}

Moments MomentSum::moments(dist::ProcessGroup& group) const {
  MomentSum all;
  all.count_ = count_;
  all.shift_ = shift_;
  if (shift_.defined()) {
    all.sum_ = sum_.clone();
    all.products_ = products_.clone();
  }
  if (!waiting_.empty()) all.take(torch::cat(waiting_));
  if (group.size() > 1) all.pool(group);
  require(all.count_ >= 2, "a covariance needs at least 2 samples, got ", all.count_);
  const auto n = static_cast<double>(all.count_);
  const auto mean = all.sum_ / n;
  auto covariance = (all.products_ - n * torch::outer(mean, mean)) / (n - 1);
  return {all.count_, all.shift_ + mean, (covariance + covariance.t()) / 2};
}

Moments moments_of(const torch::Tensor& features_NF) {
  MomentSum sum;
  sum.add(features_NF);
  return sum.moments();
}

}  // namespace monge::eval
