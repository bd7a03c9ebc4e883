#include "monge/eval/evaluation_progress.h"

#include <torch/types.h>

namespace monge::eval {

void EvaluationProgress::at(const std::string& step, int64_t done, int64_t total) {
  step_ = step;
  done_ = done;
  total_ = total;
  between_blocks();
}

void EvaluationProgress::between_blocks() {
  if (report_ && !step_.empty()) report_(step_, done_, total_);
  // Ranks that end by themselves would leave the others waiting for them.
  if (stop_ && group_->size() == 1 && *stop_) throw EvaluationStopped();
}

void EvaluationProgress::agree() {
  if (!stop_) return;
  const auto stops = torch::tensor({static_cast<int64_t>(stop_->load())}, torch::kInt64);
  group_->sum(stops);
  if (stops.item<int64_t>() > 0) throw EvaluationStopped();
}

}  // namespace monge::eval
