#include "monge/dist/tally.h"

#include <algorithm>

namespace monge::dist {

void Tally::tell(int64_t done, int64_t left_out, bool stop) {
  hear();
  told_ = torch::tensor({done, left_out, static_cast<int64_t>(stop)}, torch::kInt64);
  if (!world_) {
    heard_ = told_;
    return;
  }
  coming_ = torch::empty_like(told_);
  work_ = world_->start_sum(told_, coming_);
}

void Tally::hear() {
  if (!work_) return;
  work_->wait();
  work_.reset();
  heard_ = coming_;
}

Pieces::Pieces(int64_t count, int64_t length, const World* world) : part_(share_of(count, world)), length_(length) {
  const int64_t ranks = world ? world->size() : 1;
  const int64_t largest = (count + ranks - 1) / ranks;
  count_ = (largest + length - 1) / length;
}

Share Pieces::operator[](int64_t piece) const {
  const int64_t begin = std::min(piece * length_, part_.length);
  return {part_.begin + begin, std::min(length_, part_.length - begin), part_.whole};
}

}  // namespace monge::dist
