#include "monge/serve/event_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace monge::serve {

bool EventStream::send(std::string_view event, std::string_view id, std::string_view data) {
  std::string text;
  text.append("event: ").append(event).append("\nid: ").append(id).append("\n");
  while (true) {  // each line of the data is a field of its own
    const auto end = std::min(data.find('\n'), data.size());
    text.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.size()) break;
    data.remove_prefix(end + 1);
  }
  return add(text + "\n");
}

bool EventStream::comment(std::string_view text) { return add(": " + std::string(text) + "\n\n"); }

bool EventStream::add(std::string_view text) {
  const std::lock_guard lock(guard_);
  if (closed_) return false;
  if (pending_.size() - taken_ + text.size() > kMostPending) {
    closed_ = true;
    pending_.clear();
    taken_ = 0;
  } else {
    pending_.append(text);
  }
  wake();
  return !closed_;
}

void EventStream::close() {
  const std::lock_guard lock(guard_);
  closed_ = true;
  wake();
}

bool EventStream::closed() const {
  const std::lock_guard lock(guard_);
  return closed_;
}

void EventStream::wake() {
  if (const auto resume = std::exchange(resume_, nullptr)) resume();
}

int64_t EventStream::take(char* to, size_t most, const std::function<void()>& suspend, std::function<void()> resume) {
  const std::lock_guard lock(guard_);
  const size_t count = std::min(most, pending_.size() - taken_);
  if (count > 0) {
    std::memcpy(to, pending_.data() + taken_, count);
    taken_ += count;
    if (taken_ == pending_.size()) {
      pending_.clear();
      taken_ = 0;
    }
    return static_cast<int64_t>(count);
  }
  if (closed_) return -1;
  // Under the lock, so that no text can come between the look and the suspension.
  suspend();
  resume_ = std::move(resume);
  return 0;
}

}  // namespace monge::serve
