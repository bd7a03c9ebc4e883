#include "monge/dist/heartbeat_server.h"

#include <poll.h>

#include <algorithm>
#include <sstream>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

constexpr size_t kMostStrangers = 64;  // connections that have not said the token yet

}  // namespace

HeartbeatServer::HeartbeatServer(std::shared_ptr<FailureState> common, Listener listener, std::string token)
    : common_(std::move(common)),
      listener_(std::move(listener)),
      token_(std::move(token)),
      seen_(static_cast<size_t>(common_->group.size())) {
  for (auto& one : seen_) one.heard = one.moved = one.level = Clock::now();
  thread_ = std::thread([this] { common_->serve([this] { serve(); }); });
}

HeartbeatServer::~HeartbeatServer() {
  ending_ = true;
  thread_.join();
}

void HeartbeatServer::serve() {
  auto last = Clock::now(), beaten = last - std::chrono::seconds(60);
  while (!ending_) {
    wait();
    const auto now = Clock::now();
    const bool slept = Seconds(now - last) > kOwnSleep;
    last = now;
    greet();
    read();
    if (slept) {
      for (auto& one : seen_) one.heard = one.moved = one.level = now;
    }
    note(seen_[0], common_->group.progress());
    seen_[0].heard = now;
    if (now - beaten >= common_->options.beat) {
      beaten = now;
      for (auto& one : seen_) {
        if (one.lines) one.lines->say("beat");
      }
    }
    hear_failures(now);
    if (!reported_) judge(now);
    if (done_) return;
  }
}

void HeartbeatServer::wait() {
  std::vector<pollfd> waits{{listener_.descriptor(), POLLIN, 0}};
  std::vector<Seen*> whose{nullptr};
  for (auto& one : seen_) {
    one.speaks = false;
    if (!one.lines || one.lines->broken()) continue;
    waits.push_back({one.lines->socket().descriptor(), POLLIN, 0});
    whose.push_back(&one);
  }
  ::poll(waits.data(), waits.size(), 100);
  for (size_t i = 1; i < waits.size(); ++i) whose[i]->speaks = waits[i].revents != 0;
}

void HeartbeatServer::greet() {
  while (unauthenticated_.size() < kMostStrangers) {
    auto socket = listener_.accept(Seconds(0));
    if (!socket.open()) break;
    unauthenticated_.push_back({std::make_unique<LineChannel>(std::move(socket), 256), Clock::now()});
  }
  std::erase_if(unauthenticated_, [this](auto& stranger) {
    for (const auto& line : stranger.first->read()) {
      std::istringstream words(line);
      std::string token;
      size_t rank = 0;
      if (!(words >> token >> rank) || token != token_ || rank >= seen_.size()) return true;
      seen_[rank].lines = std::move(stranger.first);
      seen_[rank].lines->say("welcome");
      seen_[rank].lines->set_most(1 << 20);
      seen_[rank].heard = Clock::now();
      return true;
    }
    return stranger.first->broken() || Seconds(Clock::now() - stranger.second) > Seconds(10);
  });
}

void HeartbeatServer::note(Seen& one, const CollectiveProgress& progress) {
  if (progress.entered != one.entered || progress.left != one.left) one.moved = one.level = Clock::now();
  one.entered = progress.entered;
  one.left = progress.left;
}

void HeartbeatServer::read() {
  for (size_t rank = 1; rank < seen_.size(); ++rank) {
    auto& one = seen_[rank];
    if (!one.lines || !one.speaks) continue;
    for (const auto& line : one.lines->read()) {
      one.heard = Clock::now();
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word == "at") {
        CollectiveProgress progress;
        words >> progress.entered >> progress.left;
        note(one, progress);
      } else if (word == "bye") {
        one.gone = true;
      } else if (word == "fail") {
        int code = 1;
        bool alike = false;
        words >> code >> alike >> std::ws;
        std::string message;
        std::getline(words, message);
        if (!reported_) reported_ = ReportedFailure{{many_lines(message), code, alike}, rank, one.heard};
      }
    }
  }
}

/// What is wrong everywhere, as a path that is nowhere, fails all ranks at about the same time: rank 0 waits for its
/// own failure a moment before it gives the name of the rank whose came first.
void HeartbeatServer::hear_failures(Clock::time_point now) {
  const auto own = common_->take_failure();
  if (own && (!reported_ || reported_->failure.message == own->message)) return end({own->message, own->code});
  if (!reported_) return;
  const auto& [failure, rank, since] = *reported_;
  if (failure.alike) return end({failure.message, failure.code});
  if (own || Seconds(now - since) > common_->options.own) {
    end({text(common_->name_of(static_cast<int64_t>(rank)), ": ", failure.message), failure.code});
  }
}

void HeartbeatServer::judge(Clock::time_point now) {
  if (done_) return;
  const auto& options = common_->options;
  for (size_t rank = 1; rank < seen_.size(); ++rank) {
    const auto& one = seen_[rank];
    if (one.gone) continue;
    if (!one.lines && !common_->met) continue;  // the constructor's time is for that
    if (one.lines && one.lines->broken())
      return end({text(common_->name_of(static_cast<int64_t>(rank)), " is gone: it was ended, or its host was")});
    if (Seconds(now - one.heard) > options.silence) {
      return end({text("nothing has come from ", common_->name_of(static_cast<int64_t>(rank)), " for ",
                       in_seconds(options.silence), ": it is stopped, or its host or network is down")});
    }
  }
  const Seconds stall(common_->stall.load());
  int64_t furthest = 0;
  for (const auto& one : seen_) furthest = std::max(furthest, one.entered);
  for (auto& one : seen_) {
    if (one.entered == furthest) one.level = now;
  }
  bool all_still = true, inside = false;
  for (size_t rank = 0; rank < seen_.size(); ++rank) {
    const auto& one = seen_[rank];
    const bool still = Seconds(now - one.moved) > stall;
    all_still = all_still && still;
    inside = inside || one.left < one.entered;
    if (Seconds(now - one.level) > stall && !one.gone) {
      return end({text(common_->name_of(static_cast<int64_t>(rank)), " hangs: for ", in_seconds(stall),
                       " it has not come to collective operation ", one.entered + 1,
                       ", where others wait (parallel.timeout)")});
    }
  }
  if (all_still && inside) {
    end({text("all ranks have waited in a collective operation for ", in_seconds(stall),
              ": the network or a GPU between them does not work (parallel.timeout)")});
  }
}

void HeartbeatServer::end(JobFailure verdict) {
  if (done_) return;
  done_ = true;
  common_->say(verdict);
  for (auto& one : seen_) {
    if (one.lines && !one.lines->broken()) one.lines->say(text("end ", verdict.code, ' ', one_line(verdict.message)));
  }
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(kGrace);
  const auto waited_for = [](const Seen& one) { return one.lines && !one.lines->broken() && !one.gone; };
  while (Clock::now() < until && std::any_of(seen_.begin(), seen_.end(), waited_for)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (auto& one : seen_) {
      if (!one.lines) continue;
      for (const auto& line : one.lines->read()) one.gone = one.gone || line == "heard";
    }
  }
  common_->decide(std::move(verdict));
}

}  // namespace monge::dist
