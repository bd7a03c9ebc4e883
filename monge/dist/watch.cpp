#include "monge/dist/watch.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <thread>
#include <vector>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

// How long a rank that has failed waits for the verdict, and rank 0 for the others to have read it.
constexpr Seconds kGrace{3};
// A watch that slept this long was stopped with its process: what it missed says nothing about the others.
constexpr Seconds kOwnSleep{5};

/// Newlines end messages, so that they are written as another sign.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', '\v');
  return text;
}

std::string many_lines(std::string text) {
  std::replace(text.begin(), text.end(), '\v', '\n');
  return text;
}

/// Lines over a socket that never wait.
class Lines {
 public:
  explicit Lines(Socket socket) : socket_(std::move(socket)) {}

  const Socket& socket() const { return socket_; }
  bool broken() const { return broken_; }

  void say(const std::string& line) {
    out_ += line + '\n';
    push();
  }

  /// Complete lines that have come; afterwards broken() says whether more can.
  std::vector<std::string> read() {
    push();
    char buffer[4096];
    while (!broken_) {
      const auto got = ::recv(socket_.descriptor(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) {
        in_.append(buffer, static_cast<size_t>(got));
        continue;
      }
      broken_ = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
      break;
    }
    std::vector<std::string> out;
    for (auto end = in_.find('\n'); end != std::string::npos; end = in_.find('\n')) {
      out.push_back(in_.substr(0, end));
      in_.erase(0, end + 1);
    }
    return out;
  }

 private:
  void push() {
    while (!out_.empty() && !broken_) {
      const auto sent = ::send(socket_.descriptor(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) {
        out_.erase(0, static_cast<size_t>(sent));
        continue;
      }
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) broken_ = true;
      return;
    }
  }

  Socket socket_;
  std::string in_, out_;
  bool broken_ = false;
};

/// Addresses of this host that others may reach, loopback last.
std::vector<std::string> own_addresses() {
  std::vector<std::string> out, loopback;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {"127.0.0.1"};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, ::freeifaddrs);
  for (const auto* one = all; one; one = one->ifa_next) {
    if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || one->ifa_addr->sa_family != AF_INET) continue;
    char name[NI_MAXHOST] = {};
    if (::getnameinfo(one->ifa_addr, sizeof(sockaddr_in), name, sizeof name, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    (one->ifa_flags & IFF_LOOPBACK ? loopback : out).push_back(name);
  }
  out.insert(out.end(), loopback.begin(), loopback.end());
  return out;
}

std::string seconds(Seconds value) {
  std::ostringstream out;
  out << value.count() << " s";
  return out.str();
}

}  // namespace

/// What the main thread and the watch's thread share.
struct Watch::Common {
  Common(World& world, const WatchOptions& options, std::function<void(const Verdict&)> ended)
      : world(world), options(options), ended(std::move(ended)), stall(options.stall.count()) {}

  World& world;
  WatchOptions options;
  std::function<void(const Verdict&)> ended;
  std::atomic<double> stall;  // seconds

  std::mutex guard;
  std::condition_variable changed;
  std::optional<Verdict> verdict;
  std::optional<std::pair<std::string, int>> failure;  // of this rank, to be told
  bool main_waits = false;  // in fail(), which ends the process in an orderly way
  bool leaving = false;

  std::string name_of(int64_t rank) const {
    return text(world.name_of(rank), " (process ", world.place(rank).process, ")");
  }

  /// The first verdict counts.
  void decide(Verdict found) {
    std::unique_lock lock(guard);
    if (verdict || leaving) return;
    verdict = std::move(found);
    changed.notify_all();
    // The main thread may be on its way to fail(), for the same reason.
    changed.wait_for(lock, kGrace, [this] { return main_waits; });
    if (main_waits) return;
    const auto said = *verdict;
    lock.unlock();
    ended(said);
  }

  std::optional<std::pair<std::string, int>> take_failure() {
    const std::lock_guard lock(guard);
    return std::exchange(failure, std::nullopt);
  }
};

/// Rank 0's side.
class Watch::Hub {
 public:
  Hub(std::shared_ptr<Common> common, Listener listener, std::string token)
      : common_(std::move(common)), listener_(std::move(listener)), token_(std::move(token)),
        seen_(static_cast<size_t>(common_->world.size())) {
    for (auto& one : seen_) one.heard = one.moved = Clock::now();
    thread_ = std::thread([this] { serve(); });
  }
  ~Hub() {
    ending_ = true;
    thread_.join();
  }

 private:
  struct Seen {
    std::unique_ptr<Lines> lines;
    Clock::time_point heard, moved;  // any message; one with progress
    int64_t entered = 0, left = 0;
    bool gone = false;  // said goodbye
  };

  void serve() {
    auto last = Clock::now(), beaten = last - std::chrono::seconds(60);
    while (!ending_) {
      wait();
      const auto now = Clock::now();
      const bool slept = Seconds(now - last) > kOwnSleep;
      last = now;
      greet();
      read();
      if (slept) {
        for (auto& one : seen_) one.heard = one.moved = now;
      }
      note(seen_[0], common_->world.progress());
      seen_[0].heard = now;
      if (now - beaten >= common_->options.beat) {
        beaten = now;
        for (auto& one : seen_) {
          if (one.lines) one.lines->say("beat");
        }
      }
      if (auto failure = common_->take_failure()) end({failure->first, failure->second});
      judge(now);
      if (done_) return;
    }
  }

  void wait() {
    std::vector<pollfd> waits{{listener_.descriptor(), POLLIN, 0}};
    for (const auto& one : seen_) {
      if (one.lines && !one.lines->broken()) waits.push_back({one.lines->socket().descriptor(), POLLIN, 0});
    }
    ::poll(waits.data(), waits.size(), 100);
  }

  /// Takes those that come with the token in.
  void greet() {
    while (true) {
      auto socket = listener_.accept(Seconds(0));
      if (!socket.open()) break;
      strangers_.push_back({std::make_unique<Lines>(std::move(socket)), Clock::now()});
    }
    std::erase_if(strangers_, [this](auto& stranger) {
      for (const auto& line : stranger.first->read()) {
        std::istringstream words(line);
        std::string token;
        size_t rank = 0;
        if (!(words >> token >> rank) || token != token_ || rank >= seen_.size()) return true;
        seen_[rank].lines = std::move(stranger.first);
        seen_[rank].heard = Clock::now();
        return true;
      }
      return stranger.first->broken() || Seconds(Clock::now() - stranger.second) > Seconds(10);
    });
  }

  static void note(Seen& one, const Progress& progress) {
    if (progress.entered != one.entered || progress.left != one.left) one.moved = Clock::now();
    one.entered = progress.entered;
    one.left = progress.left;
  }

  void read() {
    for (size_t rank = 1; rank < seen_.size(); ++rank) {
      auto& one = seen_[rank];
      if (!one.lines) continue;
      for (const auto& line : one.lines->read()) {
        one.heard = Clock::now();
        std::istringstream words(line);
        std::string word;
        words >> word;
        if (word == "at") {
          Progress progress;
          words >> progress.entered >> progress.left;
          note(one, progress);
        } else if (word == "bye") {
          one.gone = true;
        } else if (word == "fail") {
          int code = 1;
          words >> code >> std::ws;
          std::string message;
          std::getline(words, message);
          end({text(common_->name_of(static_cast<int64_t>(rank)), ": ", many_lines(message)), code});
          return;
        }
      }
    }
  }

  void judge(Clock::time_point now) {
    if (done_) return;
    const auto& options = common_->options;
    for (size_t rank = 1; rank < seen_.size(); ++rank) {
      const auto& one = seen_[rank];
      if (one.gone) continue;
      if (one.lines && one.lines->broken()) return end({text(common_->name_of(static_cast<int64_t>(rank)), " is gone: it was ended, or its host was")});
      if (Seconds(now - one.heard) > options.silence) {
        return end({text("nothing has come from ", common_->name_of(static_cast<int64_t>(rank)), " for ", seconds(options.silence),
                         ": it is stopped, or its host or network is down")});
      }
    }
    const Seconds stall(common_->stall.load());
    int64_t furthest = 0;
    for (const auto& one : seen_) furthest = std::max(furthest, one.entered);
    bool all_still = true, inside = false;
    for (size_t rank = 0; rank < seen_.size(); ++rank) {
      const auto& one = seen_[rank];
      const bool still = Seconds(now - one.moved) > stall;
      all_still = all_still && still;
      inside = inside || one.left < one.entered;
      if (still && one.entered < furthest && !one.gone) {
        return end({text(common_->name_of(static_cast<int64_t>(rank)), " hangs: for ", seconds(stall),
                         " it has not come to collective operation ", one.entered + 1, ", where others wait (parallel.timeout)")});
      }
    }
    if (all_still && inside) {
      end({text("all ranks have waited in a collective operation for ", seconds(stall), ": the network between them is broken (parallel.timeout)")});
    }
  }

  /// Tells all, and stays until they have read it.
  void end(Verdict verdict) {
    if (done_) return;
    done_ = true;
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
    verdict.mine = true;
    common_->decide(std::move(verdict));
  }

  std::shared_ptr<Common> common_;
  Listener listener_;
  std::string token_;
  std::vector<Seen> seen_;
  std::vector<std::pair<std::unique_ptr<Lines>, Clock::time_point>> strangers_;
  std::atomic<bool> ending_{false};
  bool done_ = false;
  std::thread thread_;
};

/// The other ranks' side.
class Watch::Spoke {
 public:
  Spoke(std::shared_ptr<Common> common, Socket socket, const std::string& token)
      : common_(std::move(common)), lines_(std::move(socket)) {
    lines_.say(text(token, ' ', common_->world.rank()));
    thread_ = std::thread([this] { serve(); });
  }
  ~Spoke() {
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
        common_->decide({many_lines(message), code, false});
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
        return common_->decide({text(common_->name_of(0), " is gone: it was ended, or its host was"), 1, speaks});
      }
      if (Seconds(now - heard) > options.silence) {
        return common_->decide({text("nothing has come from ", common_->name_of(0), " for ", seconds(options.silence),
                                     ": it is stopped, or its host or network is down"), 1, speaks});
      }
      if (auto failure = common_->take_failure()) lines_.say(text("fail ", failure->second, ' ', one_line(failure->first)));
      if (now - beaten >= options.beat) {
        beaten = now;
        const auto progress = common_->world.progress();
        lines_.say(text("at ", progress.entered, ' ', progress.left));
      }
    }
  }

  std::shared_ptr<Common> common_;
  Lines lines_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

Watch::Watch(World& world, const WatchOptions& options, std::function<void(const Verdict&)> ended)
    : common_(std::make_shared<Common>(world, options, std::move(ended))) {
  if (world.size() == 1) return;
  if (world.leads()) {
    Listener listener;
    const auto token = random_token();
    auto invitation = text(token, ' ', listener.port());
    if (!options.host.empty()) invitation += ' ' + options.host;
    for (const auto& address : own_addresses()) invitation += ' ' + address;
    hub_ = std::make_unique<Hub>(common_, std::move(listener), token);
    world.broadcast(invitation);
  } else {
    std::istringstream words(world.broadcast(std::string()));
    std::string token, address, why = "it has no address";
    uint16_t port = 0;
    words >> token >> port;
    while (!spoke_ && words >> address) {
      try {
        spoke_ = std::make_unique<Spoke>(common_, Socket::connect(address, port, Seconds(3)), token);
      } catch (const SystemError& error) {
        why = error.what();
      }
    }
    if (!spoke_) throw SystemError(text(world.name_of(0), " cannot be reached by ", world.name_of(world.rank()), ": ", why));
  }
  world.barrier();
}

Watch::~Watch() = default;

Verdict Watch::fail(const std::string& message, int code) {
  std::unique_lock lock(common_->guard);
  common_->main_waits = true;
  common_->changed.notify_all();
  const Verdict own{message, code, true};
  if (!hub_ && !spoke_) return own;
  if (!common_->verdict) common_->failure = {message, code};
  common_->changed.wait_for(lock, 2 * kGrace, [this] { return common_->verdict.has_value(); });
  return common_->verdict.value_or(own);
}

void Watch::set_stall(Seconds stall) { common_->stall = stall.count(); }

void Watch::leave() {
  const std::lock_guard lock(common_->guard);
  common_->leaving = true;
}

}  // namespace monge::dist
