#include "monge/solve/gradient_reducer.h"

#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "monge/core/error.h"

namespace monge::solve {
namespace {

constexpr int64_t kStop = 3, kRanks = 4;  // indices in the packed tensor

}  // namespace

struct GradientReducer::Hook : torch::autograd::PostAccumulateGradHook {
  Hook(GradientReducer& reducer, size_t parameter) : reducer(reducer), parameter(parameter) {}
  void operator()(const torch::autograd::Variable&) override { reducer.arrived(parameter); }

  GradientReducer& reducer;
  size_t parameter;
};

GradientReducer::GradientReducer(dist::ProcessGroup& group, std::vector<torch::Tensor> parameters,
                                 const FlatParameters& gradients, int64_t bucket)
    : group_(group),
      parameters_(std::move(parameters)),
      gradients_(gradients),
      sum_(gradients.twin()),
      bucket_of_(parameters_.size()),
      arrived_(parameters_.size(), false),
      packed_(torch::zeros({kRanks + group.size()}, gradients.whole().options())),
      summed_(torch::zeros_like(packed_)) {
  const auto width = static_cast<int64_t>(gradients_.whole().element_size());
  int64_t end = gradients_.whole().numel();
  for (size_t i = parameters_.size(); i-- > 0;) {
    if (buckets_.empty() || (buckets_.back().end - buckets_.back().begin) * width >= bucket) {
      if (!buckets_.empty()) end = buckets_.back().begin;
      buckets_.push_back({end, end});
    }
    auto& last = buckets_.back();
    last.begin = gradients_.views()[i].storage_offset();
    ++last.waits_for;
    bucket_of_[i] = buckets_.size() - 1;
    torch::autograd::impl::set_post_acc_grad_hooks(parameters_[i], std::make_unique<Hook>(*this, i));
  }
}

GradientReducer::~GradientReducer() {
  for (const auto& parameter : parameters_) torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
}

void GradientReducer::begin_final_backward() {
  expecting_ = true;
  sent_ = 0;
  std::fill(arrived_.begin(), arrived_.end(), false);
  for (auto& bucket : buckets_) bucket.missing = bucket.waits_for;
}

/// The backward pass calls this, perhaps from a thread of the autograd engine, but from one thread at a time.
void GradientReducer::arrived(size_t parameter) {
  if (!expecting_ || arrived_[parameter]) return;
  gather_gradient(parameters_[parameter], gradients_.views()[parameter]);
  arrived_[parameter] = true;
  --buckets_[bucket_of_[parameter]].missing;
  send_ready();
}

/// Sends buckets in the same order on all ranks, whatever the order in which the gradients arrive.
void GradientReducer::send_ready() {
  const at::NoGradGuard no_grad;
  while (sent_ < buckets_.size() && buckets_[sent_].missing == 0) {
    auto& bucket = buckets_[sent_++];
    const int64_t length = bucket.end - bucket.begin;
    bucket.work = group_.start_sum(gradients_.whole().narrow(0, bucket.begin, length),
                                   sum_.whole().narrow(0, bucket.begin, length));
  }
}

void GradientReducer::finish(Update& update) {
  const at::NoGradGuard no_grad;
  require(expecting_, "no backward pass was expected");
  expecting_ = false;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (arrived_[i]) continue;
    gather_gradient(parameters_[i], gradients_.views()[i]);  // no path of the graph reached it: zero
    arrived_[i] = true;
    --buckets_[bucket_of_[i]].missing;
  }
  send_ready();

  pack(update);  // overlaps with the sums of the last buckets
  const auto work = group_.start_sum(packed_, summed_);
  for (auto& bucket : buckets_) {
    bucket.work->wait();
    bucket.work.reset();
  }
  work->wait();
  unpack(update);
}

/// Uses few operators: for small nets on a GPU each launch counts.
void GradientReducer::pack(const Update& update) {
  packed_.select(0, kRanks + group_.rank()).copy_(norm(gradients_) + update.loss);
  if (update.cost.defined()) {
    auto metrics = packed_.narrow(0, 0, kStop);
    at::cat_out(metrics, {update.loss.view(1), update.cost.view(1), update.potential.view(1)});
  } else {
    packed_.select(0, 0).copy_(update.loss);
  }
}

void GradientReducer::unpack(Update& update) const {
  const auto means = summed_.narrow(0, 0, kStop) / static_cast<double>(group_.size());
  update.loss = means[0];
  if (update.cost.defined()) {
    update.cost = means[1];
    update.potential = means[2];
  }
  update.ranks = summed_.narrow(0, kStop, 1 + group_.size());
}

void GradientReducer::want_stop(bool stop) { packed_.select(0, kStop).fill_(stop ? 1.0 : 0.0); }

}  // namespace monge::solve
