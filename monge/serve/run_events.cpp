#include "monge/serve/run_events.h"

#include <algorithm>
#include <charconv>
#include <chrono>

#include "monge/core/error.h"
#include "monge/report/sample_views.h"
#include "monge/serve/redaction.h"
#include "monge/serve/run_state.h"
#include "monge/session/summary.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFirstLines = 3000, kFirstLogLines = 100;
constexpr int64_t kMostFirst = 1 << 20;  // bytes of the end of a file in which these lines are looked for
constexpr int64_t kMostPiece = 1 << 20;  // bytes of one event
constexpr auto kLook = std::chrono::milliseconds(300);
constexpr int64_t kLooksPerState = 7, kLooksPerComment = 50;

/// The offset of the last `lines` lines of a file.
int64_t start_of_last(const fs::path& file, int64_t lines) {
  int64_t begin = 0;
  const auto end = end_of_file(file, kMostFirst, &begin);
  size_t at = end.size();
  for (int64_t count = 0; at > 0; --at) {
    if (end[at - 1] == '\n' && ++count > lines) break;
  }
  return begin + static_cast<int64_t>(at);
}

int64_t size_of(const fs::path& file) {
  std::error_code failure;
  const auto size = fs::file_size(file, failure);
  return failure ? 0 : static_cast<int64_t>(size);
}

/// The whole lines from an offset on, which is moved behind them; empty if there are none yet.
std::string new_lines(const fs::path& file, int64_t& offset) {
  if (size_of(file) <= offset) return {};
  auto out = part_of_file(file, offset, kMostPiece);
  const auto end = out.rfind('\n');
  if (end == std::string::npos) return {};
  offset += static_cast<int64_t>(end) + 1;
  out.resize(end);
  return out;
}

}  // namespace

struct RunEvents::Follower {
  fs::path folder;
  std::shared_ptr<EventStream> stream = std::make_shared<EventStream>();
  int64_t metrics = -1, log = -1, sample = -1;  ///< of the id; -1: nothing was sent yet
  std::string state = {};
  int64_t looks = 0;

  std::string id() const { return text(metrics, "-", log, "-", sample); }
};

RunEvents::RunEvents() : thread_([this] { watch(); }) {}

RunEvents::~RunEvents() {
  {
    const std::lock_guard lock(guard_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (const auto& follower : followers_) follower->stream->close();
}

std::shared_ptr<EventStream> RunEvents::follow(const fs::path& folder, const std::string& last_event_id) {
  const auto follower = std::make_shared<Follower>();
  follower->folder = folder;
  int64_t numbers[3] = {-1, -1, -1};
  const char *at = last_event_id.data(), *end = at + last_event_id.size();
  bool whole = true;
  for (auto& number : numbers) {
    const auto [stop, failure] = std::from_chars(at, end, number);
    whole = whole && failure == std::errc() && number >= -1;
    at = stop < end && *stop == '-' ? stop + 1 : stop;
  }
  if (whole && at == end) {
    follower->metrics = numbers[0];
    follower->log = numbers[1];
    follower->sample = numbers[2];
  }
  {
    const std::lock_guard lock(guard_);
    followers_.push_back(follower);
  }
  changed_.notify_all();
  return follower->stream;
}

void RunEvents::look(Follower& follower, bool state_too) {
  auto& stream = *follower.stream;
  const auto metrics = follower.folder / "metrics.jsonl", log = follower.folder / "log.txt";
  if (follower.metrics > size_of(metrics)) {
    follower.metrics = -1;
    stream.send("reset", follower.id(), "");
  }
  if (follower.metrics < 0) follower.metrics = start_of_last(metrics, kFirstLines);
  if (follower.log < 0 || follower.log > size_of(log)) follower.log = start_of_last(log, kFirstLogLines);
  if (const auto lines = new_lines(metrics, follower.metrics); !lines.empty())
    stream.send("metrics", follower.id(), lines);
  if (const auto lines = new_lines(log, follower.log); !lines.empty())
    stream.send("log", follower.id(), without_folders(lines));
  if (!state_too) return;
  if (const auto samples = report::sample_steps(follower.folder, ".png");
      !samples.empty() && samples.back() != follower.sample) {
    follower.sample = samples.back();
    stream.send("sample", follower.id(), std::to_string(follower.sample));
  }
  if (const auto state = session::json_text(run_state(follower.folder)); state != follower.state) {
    follower.state = state;
    stream.send("state", follower.id(), state);
  }
}

void RunEvents::watch() {
  std::unique_lock lock(guard_);
  while (!ended_) {
    std::erase_if(followers_, [](const auto& follower) { return follower->stream->closed(); });
    const auto now = followers_;
    lock.unlock();
    for (const auto& follower : now) {
      const int64_t number = follower->looks++;
      try {
        look(*follower, number % kLooksPerState == 0);
      } catch (const std::exception&) {  // a file that is being replaced; the next look may read it
      }
      if (number % kLooksPerComment == kLooksPerComment - 1) follower->stream->comment("still here");
    }
    lock.lock();
    const auto is_new = [](const auto& follower) { return follower->looks == 0; };
    changed_.wait_for(lock, kLook, [&] { return ended_ || std::any_of(followers_.begin(), followers_.end(), is_new); });
  }
}

}  // namespace monge::serve
