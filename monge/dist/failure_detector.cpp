#include "monge/dist/failure_detector.h"

#include <poll.h>

#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "monge/core/error.h"
#include "monge/dist/failure_state.h"
#include "monge/dist/heartbeat_server.h"
#include "monge/dist/line_channel.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

/// A connection on which rank 0 answers this greeting; nothing where somebody else answers, or nobody.
std::optional<LineChannel> welcomed(const std::string& host, uint16_t port, const std::string& greeting) {
  LineChannel lines(Socket::connect(host, port, Seconds(2)));
  lines.say(greeting);
  const auto end = Clock::now() + std::chrono::seconds(3);
  while (Clock::now() < end && !lines.broken()) {
    pollfd wait{lines.socket().descriptor(), POLLIN, 0};
    ::poll(&wait, 1, 100);
    for (const auto& line : lines.read()) {
      if (line == "welcome") return lines;
    }
  }
  return {};
}

}  // namespace

void speak(const FailureCallbacks& calls, const JobFailure& verdict) noexcept {
  try {
    calls.speak(verdict);
  } catch (...) {
  }
}

/// The other ranks' side.
class HeartbeatClient {
 public:
  /// @param lines  on which rank 0 has bidden welcome.
  HeartbeatClient(std::shared_ptr<FailureState> common, LineChannel lines)
      : common_(std::move(common)), lines_(std::move(lines)) {
    thread_ = std::thread([this] { common_->serve([this] { serve(); }); });
  }
  ~HeartbeatClient() {
    ending_ = true;
    thread_.join();
  }

 private:
  void serve() {
    auto last = Clock::now(), heard = last, beaten = last - std::chrono::seconds(60);
    const auto& options = common_->options;
    // Where rank 0 cannot speak any more, one rank of each host does, and rank 1 in any case.
    const bool speaks = common_->group.rank() == 1 || common_->group.location().local_rank == 0;
    bool said_bye = false;
    while (!ending_) {
      pollfd wait{lines_.socket().descriptor(), POLLIN, 0};
      ::poll(&wait, 1, 100);
      const auto now = Clock::now();
      if (Seconds(now - last) > kOwnSleep) heard = now;
      last = now;
      for (const auto& line : lines_.read()) {
        heard = now;
        std::istringstream words(line);
        std::string word;
        words >> word;
        if (word != "end") continue;
        int code = 1;
        words >> code >> std::ws;
        std::string message;
        std::getline(words, message);
        lines_.say("heard");
        common_->decide({many_lines(message), code});
        return;
      }
      {
        const std::lock_guard lock(common_->guard);
        if (common_->leaving && !said_bye) {
          said_bye = true;
          lines_.say("bye");
        }
        if (common_->leaving && lines_.broken()) return;
      }
      if (lines_.broken()) {
        return lost({text(common_->name_of(0), " is gone: it was ended, or its host was")}, speaks);
      }
      if (Seconds(now - heard) > options.silence) {
        return lost({text("nothing has come from ", common_->name_of(0), " for ", in_seconds(options.silence),
                          ": it is stopped, or its host or network is down")},
                    speaks);
      }
      if (auto failure = common_->take_failure()) {
        lines_.say(text("fail ", failure->code, ' ', failure->alike, ' ', one_line(failure->message)));
      }
      if (now - beaten >= options.beat) {
        beaten = now;
        const auto progress = common_->group.progress();
        lines_.say(text("at ", progress.entered, ' ', progress.left));
      }
    }
  }

  void lost(JobFailure verdict, bool speaks) {
    if (speaks) common_->say(verdict);
    common_->decide(std::move(verdict));
  }

  std::shared_ptr<FailureState> common_;
  LineChannel lines_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

FailureDetector::FailureDetector(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks calls)
    : common_(std::make_shared<FailureState>(group, options, std::move(calls))) {
  if (group.size() == 1) return;
  if (group.is_root()) {
    const bool here = is_loopback(options.host);
    Listener listener(here);
    const auto token = random_token();
    auto invitation = text(token, ' ', listener.port());
    if (!options.host.empty()) invitation += ' ' + options.host;
    for (const auto& address : here ? std::vector<std::string>() : own_addresses()) invitation += ' ' + address;
    server_ = std::make_unique<HeartbeatServer>(common_, std::move(listener), token);
    group.broadcast(invitation);
  } else {
    std::istringstream words(group.broadcast(std::string()));
    std::string token, address, why = "it has no address";
    uint16_t port = 0;
    words >> token >> port;
    std::vector<std::string> addresses;
    while (words >> address) addresses.push_back(address);
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(options.meeting);
    while (!client_ && Clock::now() < end) {
      for (size_t i = 0; i < addresses.size() && !client_; ++i) {
        try {
          if (auto lines = welcomed(addresses[i], port, text(token, ' ', group.rank()))) {
            client_ = std::make_unique<HeartbeatClient>(common_, std::move(*lines));
          } else {
            why = addresses[i] + " is somebody else";
          }
        } catch (const SystemError& error) {
          why = error.what();
        }
      }
    }
    if (!client_)
      throw SystemError(text(group.name_of(0), " cannot be reached by ", group.name_of(group.rank()), ": ", why));
  }
  group.barrier();
  common_->met = true;
}

FailureDetector::~FailureDetector() = default;

JobFailure FailureDetector::fail(const std::string& message, int code, bool alike) {
  std::unique_lock lock(common_->guard);
  common_->main_waits = true;
  common_->changed.notify_all();
  const JobFailure own{message, code, /*spoken=*/false};
  if ((!server_ && !client_) || common_->leaving) return own;  // nobody judges any more
  if (!common_->verdict) common_->failure = {message, code, alike};
  common_->changed.wait_for(lock, 2 * kGrace, [this] { return common_->verdict.has_value(); });
  return common_->verdict.value_or(own);
}

void FailureDetector::set_stall(Seconds stall) { common_->stall = stall.count(); }

void FailureDetector::leave() {
  const std::lock_guard lock(common_->guard);
  common_->leaving = true;
}

}  // namespace monge::dist
