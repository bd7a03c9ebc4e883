#include "monge/dist/watch.h"

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
constexpr size_t kMostStrangers = 64;  // connections that have not said the token yet

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
  /// @param most  bytes that may come without making a line; more break the connection.
  explicit Lines(Socket socket, size_t most = 1 << 20) : socket_(std::move(socket)), most_(most) {}

  void set_most(size_t most) { most_ = most; }

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
        if (in_.size() <= most_) continue;
        broken_ = in_.find('\n') == std::string::npos;
        break;
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
  size_t most_;
  bool broken_ = false;
};

std::string seconds(Seconds value) {
  std::ostringstream out;
  out << value.count() << " s";
  return out.str();
}

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

/// What the main thread and the watch's thread share.
struct Watch::Common {
  Common(World& world, const WatchOptions& options, WatchCalls calls)
      : world(world), options(options), calls(std::move(calls)), stall(options.stall.count()) {}

  World& world;
  WatchOptions options;
  WatchCalls calls;
  std::atomic<double> stall;  // seconds
  std::atomic<bool> met{false};  // all ranks have found rank 0

  std::mutex guard;
  std::condition_variable changed;
  std::optional<Verdict> verdict;
  struct Failure {
    std::string message;
    int code = 1;
    bool alike = false;
  };
  std::optional<Failure> failure;  // of this rank, to be told
  bool main_waits = false;  // in fail(), which ends the process in an orderly way
  bool leaving = false;

  std::string name_of(int64_t rank) const {
    return text(world.name_of(rank), " (process ", world.place(rank).process, ")");
  }

  /// Tells the user, unless all is over.
  void say(const Verdict& found) {
    {
      const std::lock_guard lock(guard);
      if (verdict || leaving) return;
    }
    calls.speak(found);
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
    calls.ended(said);
  }

  std::optional<Failure> take_failure() {
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
    for (auto& one : seen_) one.heard = one.moved = one.level = Clock::now();
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
    Clock::time_point level;         // when it was last with those that are furthest, or moved
    int64_t entered = 0, left = 0;
    bool speaks = false;  // something has come
    bool gone = false;    // said goodbye
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
        for (auto& one : seen_) one.heard = one.moved = one.level = now;
      }
      note(seen_[0], common_->world.progress());
      seen_[0].heard = now;
      if (now - beaten >= common_->options.beat) {
        beaten = now;
        for (auto& one : seen_) {
          if (one.lines) one.lines->say("beat");
        }
      }
      if (auto failure = common_->take_failure()) end({failure->message, failure->code});
      judge(now);
      if (done_) return;
    }
  }

  void wait() {
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

  /// Takes those that come with the token in.
  void greet() {
    while (strangers_.size() < kMostStrangers) {
      auto socket = listener_.accept(Seconds(0));
      if (!socket.open()) break;
      strangers_.push_back({std::make_unique<Lines>(std::move(socket), 256), Clock::now()});
    }
    std::erase_if(strangers_, [this](auto& stranger) {
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

  static void note(Seen& one, const Progress& progress) {
    if (progress.entered != one.entered || progress.left != one.left) one.moved = one.level = Clock::now();
    one.entered = progress.entered;
    one.left = progress.left;
  }

  void read() {
    for (size_t rank = 1; rank < seen_.size(); ++rank) {
      auto& one = seen_[rank];
      if (!one.lines || !one.speaks) continue;
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
          bool alike = false;
          words >> code >> alike >> std::ws;
          std::string message;
          std::getline(words, message);
          message = many_lines(message);
          end({alike ? message : text(common_->name_of(static_cast<int64_t>(rank)), ": ", message), code});
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
      if (!one.lines && !common_->met) continue;  // the constructor's time is for that
      if (one.lines && one.lines->broken()) return end({text(common_->name_of(static_cast<int64_t>(rank)), " is gone: it was ended, or its host was")});
      if (Seconds(now - one.heard) > options.silence) {
        return end({text("nothing has come from ", common_->name_of(static_cast<int64_t>(rank)), " for ", seconds(options.silence),
                         ": it is stopped, or its host or network is down")});
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
        return end({text(common_->name_of(static_cast<int64_t>(rank)), " hangs: for ", seconds(stall),
                         " it has not come to collective operation ", one.entered + 1, ", where others wait (parallel.timeout)")});
      }
    }
    if (all_still && inside) {
      end({text("all ranks have waited in a collective operation for ", seconds(stall), ": the network or a GPU between them does not work (parallel.timeout)")});
    }
  }

  /// Tells all, and stays until they have read it.
  void end(Verdict verdict) {
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
  /// @param lines  on which rank 0 has bidden welcome.
  Spoke(std::shared_ptr<Common> common, Lines lines) : common_(std::move(common)), lines_(std::move(lines)) {
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
        return lost({text("nothing has come from ", common_->name_of(0), " for ", seconds(options.silence),
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

  std::shared_ptr<Common> common_;
  Lines lines_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

Watch::Watch(World& world, const WatchOptions& options, WatchCalls calls)
    : common_(std::make_shared<Common>(world, options, std::move(calls))) {
  if (world.size() == 1) return;
  if (world.leads()) {
    const bool here = is_loopback(options.host);
    Listener listener(here);
    const auto token = random_token();
    auto invitation = text(token, ' ', listener.port());
    if (!options.host.empty()) invitation += ' ' + options.host;
    for (const auto& address : here ? std::vector<std::string>() : own_addresses()) invitation += ' ' + address;
    hub_ = std::make_unique<Hub>(common_, std::move(listener), token);
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
            spoke_ = std::make_unique<Spoke>(common_, std::move(*lines));
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
  if (!hub_ && !spoke_) return own;
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
