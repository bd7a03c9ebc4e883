#include "monge/solve/batch_norm_buffers.h"

#include <algorithm>

namespace monge::solve {

BatchNormBuffers::BatchNormBuffers(torch::nn::Module& net) {
  for (const auto& buffer : net.buffers()) {
    const auto same = std::find_if(kinds_.begin(), kinds_.end(), [&](const Kind& kind) {
      return kind.buffers[0].scalar_type() == buffer.scalar_type();
    });
    if (same == kinds_.end()) {
      kinds_.push_back({{buffer}, {}, {}});
    } else {
      same->buffers.push_back(buffer);
    }
  }
  for (auto& kind : kinds_) {
    kind.now = FlatParameters(kind.buffers);
    kind.now.adopt(kind.buffers);
    kind.kept = kind.now.whole().clone();
  }
}

void BatchNormBuffers::keep() {
  for (auto& kind : kinds_) {
    kind.now.keep(kind.buffers);
    kind.kept.copy_(kind.now.whole());
  }
}

std::vector<torch::Tensor> BatchNormBuffers::copy() const {
  std::vector<torch::Tensor> out;
  for (const auto& kind : kinds_) out.push_back(kind.now.whole().clone());
  return out;
}

void BatchNormBuffers::restore(const std::vector<torch::Tensor>& copies) {
  for (size_t i = 0; i < kinds_.size(); ++i) kinds_[i].now.whole().copy_(copies[i]);
}

void BatchNormBuffers::restore_if(const torch::Tensor& blocked) {
  const at::NoGradGuard no_grad;
  if (blocked.is_cpu()) {  // reading the value costs nothing here
    if (kinds_.empty() || host_value(blocked) == 0) return;
    for (auto& kind : kinds_) kind.now.whole().copy_(kind.kept);
    return;
  }
  for (auto& kind : kinds_) kind.now.whole().copy_(torch::where(blocked > 0, kind.kept, kind.now.whole()));
}

void BatchNormBuffers::average(dist::ProcessGroup& group) {
  const at::NoGradGuard no_grad;
  for (auto& kind : kinds_) {
    const auto& whole = kind.now.whole();
    if (!whole.is_floating_point()) continue;
    group.sum(whole);
    whole.div_(static_cast<double>(group.size()));
  }
}

void BatchNormBuffers::copy_from(const BatchNormBuffers& other) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < kinds_.size(); ++i) kinds_[i].now.whole().copy_(other.kinds_[i].now.whole());
}

}  // namespace monge::solve
