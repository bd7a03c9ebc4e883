#include "monge/dist/progress_reduction.h"

#include <algorithm>
#include <sstream>

#include "monge/core/nearest.h"

namespace monge::dist {

void ProgressReduction::post(int64_t done, int64_t left_out, bool stop) {
  receive();
  posted_ = torch::tensor({done, left_out, static_cast<int64_t>(stop)}, torch::kInt64);
  if (group_.size() == 1) {
    received_ = posted_;
    return;
  }
  incoming_ = torch::empty_like(posted_);
  work_ = group_.start_sum(posted_, incoming_);
}

void ProgressReduction::receive() {
  if (!work_) return;
  work_->wait();
  work_.reset();
  received_ = incoming_;
}

std::vector<std::string> gather_complaints(ProcessGroup& group, const std::vector<std::string>& own) {
  std::string mine;
  for (const auto& one : own) mine += one + '\0';
  std::vector<std::string> out;
  for (const auto& theirs : group.gather(mine)) {
    std::istringstream lines(theirs);
    for (std::string one; out.size() < kMostListed && std::getline(lines, one, '\0');) out.push_back(one);
  }
  return out;
}

WorkPartition::WorkPartition(int64_t count, int64_t length, const ProcessGroup& group)
    : slice_(slice_of(count, group)), length_(length) {
  const int64_t largest = (count + group.size() - 1) / group.size();
  count_ = (largest + length - 1) / length;
}

Slice WorkPartition::operator[](int64_t piece) const {
  const int64_t begin = std::min(piece * length_, slice_.length);
  return {slice_.begin + begin, std::min(length_, slice_.length - begin), slice_.whole};
}

}  // namespace monge::dist
