#include "monge/dist/progress_reduction.h"

#include <algorithm>

namespace monge::dist {

void ProgressReduction::post(int64_t done, int64_t left_out, bool stop) {
  receive();
  reported_ = torch::tensor({done, left_out, static_cast<int64_t>(stop)}, torch::kInt64);
  if (!group_) {
    received_ = reported_;
    return;
  }
  coming_ = torch::empty_like(reported_);
  work_ = group_->start_sum(reported_, coming_);
}

void ProgressReduction::receive() {
  if (!work_) return;
  work_->wait();
  work_.reset();
  received_ = coming_;
}

WorkPartition::WorkPartition(int64_t count, int64_t length, const ProcessGroup* group)
    : part_(slice_of(count, group)), length_(length) {
  const int64_t ranks = group ? group->size() : 1;
  const int64_t largest = (count + ranks - 1) / ranks;
  count_ = (largest + length - 1) / length;
}

Slice WorkPartition::operator[](int64_t piece) const {
  const int64_t begin = std::min(piece * length_, part_.length);
  return {part_.begin + begin, std::min(length_, part_.length - begin), part_.whole};
}

}  // namespace monge::dist
