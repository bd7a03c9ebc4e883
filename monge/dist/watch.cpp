#include "monge/dist/watch.h"

#include <poll.h>

#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "monge/core/error.h"
#include "monge/dist/lines.h"
#include "monge/dist/watch_hub.h"
#include "monge/dist/watch_state.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

/// A connection on which rank 0 answers this greeting; nothing where somebody else answers, or nobody.
std::optional<Lines> welcomed(const std::string& host, uint16_t port, const std::string& greeting) {
  Lines lines(Socket::connect(host, port, Seconds(2)));
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

void speak(const WatchCalls& calls, const Verdict& verdict) noexcept {
  try {
    calls.speak(verdict);
  } catch (...) {
  }
}

/// The other ranks' side.
class WatchSpoke {
 public:
  /// @param lines  on which rank 0 has bidden welcome.
  WatchSpoke(std::shared_ptr<WatchState> common, Lines lines) : common_(std::move(common)), lines_(std::move(lines)) {
    thread_ = std::thread([this] { common_->serve([this] { serve(); }); });
  }
  ~WatchSpoke() {
    ending_ = true;
    thread_.join();
  }

 private:
  void serve() {
    auto last = Clock::now(), heard = last, beaten = last - std::chrono::seconds(60);
    const auto& options = common_->options;
    // Where rank 0 cannot speak any more, one rank of each host does, and rank 1 in any case.
    const bool speaks = common_->world.rank() == 1 || common_->world.place().local_rank == 0;
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
                          ": it is stopped, or its host or network is down")}, speaks);
      }
      if (auto failure = common_->take_failure()) {
        lines_.say(text("fail ", failure->code, ' ', failure->alike, ' ', one_line(failure->message)));
      }
      if (now - beaten >= options.beat) {
        beaten = now;
        const auto progress = common_->world.progress();
        lines_.say(text("at ", progress.entered, ' ', progress.left));
      }
    }
  }

  void lost(Verdict verdict, bool speaks) {
    if (speaks) common_->say(verdict);
    common_->decide(std::move(verdict));
  }

  std::shared_ptr<WatchState> common_;
  Lines lines_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

Watch::Watch(World& world, const WatchOptions& options, WatchCalls calls)
    : common_(std::make_shared<WatchState>(world, options, std::move(calls))) {
  if (world.size() == 1) return;
  if (world.leads()) {
    const bool here = is_loopback(options.host);
    Listener listener(here);
    const auto token = random_token();
    auto invitation = text(token, ' ', listener.port());
    if (!options.host.empty()) invitation += ' ' + options.host;
    for (const auto& address : here ? std::vector<std::string>() : own_addresses()) invitation += ' ' + address;
    hub_ = std::make_unique<WatchHub>(common_, std::move(listener), token);
    world.broadcast(invitation);
  } else {
    std::istringstream words(world.broadcast(std::string()));
    std::string token, address, why = "it has no address";
    uint16_t port = 0;
    words >> token >> port;
    std::vector<std::string> addresses;
    while (words >> address) addresses.push_back(address);
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(options.meeting);
    while (!spoke_ && Clock::now() < end) {
      for (size_t i = 0; i < addresses.size() && !spoke_; ++i) {
        try {
          if (auto lines = welcomed(addresses[i], port, text(token, ' ', world.rank()))) {
            spoke_ = std::make_unique<WatchSpoke>(common_, std::move(*lines));
          } else {
            why = addresses[i] + " is somebody else";
          }
        } catch (const SystemError& error) {
          why = error.what();
        }
      }
    }
    if (!spoke_) throw SystemError(text(world.name_of(0), " cannot be reached by ", world.name_of(world.rank()), ": ", why));
  }
  world.barrier();
  common_->met = true;
}

Watch::~Watch() = default;

Verdict Watch::fail(const std::string& message, int code, bool alike) {
  std::unique_lock lock(common_->guard);
  common_->main_waits = true;
  common_->changed.notify_all();
  const Verdict own{message, code, /*spoken=*/false};
  if ((!hub_ && !spoke_) || common_->leaving) return own;  // nobody judges any more
  if (!common_->verdict) common_->failure = {message, code, alike};
  common_->changed.wait_for(lock, 2 * kGrace, [this] { return common_->verdict.has_value(); });
  return common_->verdict.value_or(own);
}

void Watch::set_stall(Seconds stall) { common_->stall = stall.count(); }

void Watch::leave() {
  const std::lock_guard lock(common_->guard);
  common_->leaving = true;
}

}  // namespace monge::dist
