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

/// A channel on which rank 0 answers this greeting; nothing if another program or nobody answers.
std::optional<LineChannel> greet(const std::string& host, uint16_t port, const std::string& greeting) {
  LineChannel channel(Socket::connect(host, port, Seconds(2)));
  channel.send(greeting);
  const auto end = Clock::now() + std::chrono::seconds(3);
  while (Clock::now() < end && !channel.broken()) {
    pollfd wait{channel.socket().descriptor(), POLLIN, 0};
    ::poll(&wait, 1, 100);
    while (const auto line = channel.receive_line()) {
      if (*line == "welcome") return channel;
    }
  }
  return {};
}

/// The addresses of rank 0's heartbeat server, which rank 0 sends to all ranks.
struct Invitation {
  std::string token;
  uint16_t port = 0;
  std::vector<std::string> addresses = {};

  std::string encoded() const {
    auto out = text(token, ' ', port);
    for (const auto& address : addresses) out += ' ' + address;
    return out;
  }

  static Invitation decoded(const std::string& line) {
    std::istringstream words(line);
    Invitation out;
    words >> out.token >> out.port;
    for (std::string address; words >> address;) out.addresses.push_back(address);
    return out;
  }
};

/// @throws SystemError when rank 0 does not answer within `timeout`.
LineChannel connect_to_root(const ProcessGroup& group, const Invitation& invitation, Seconds timeout) {
  std::string why = "it announced no address";
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  while (Clock::now() < end) {
    for (const auto& address : invitation.addresses) {
      try {
        auto channel = greet(address, invitation.port, text(invitation.token, ' ', group.rank()));
        if (channel) return std::move(*channel);
        why = address + " answers, but is not this rank";
      } catch (const SystemError& error) {
        why = error.what();
      }
    }
  }
  throw SystemError(text(group.name_of(group.rank()), " cannot reach ", group.name_of(0), ": ", why));
}

}  // namespace

void report(const FailureCallbacks& callbacks, const JobFailure& failure) noexcept {
  try {
    callbacks.report(failure);
  } catch (...) {
  }
}

/// The failure detector's side on the ranks other than 0: sends heartbeats, and ends the process when rank 0 says so.
class HeartbeatClient {
 public:
  /// @param channel  the one on which rank 0 has answered.
  HeartbeatClient(std::shared_ptr<FailureState> state, LineChannel channel)
      : state_(std::move(state)), channel_(std::move(channel)) {
    thread_ = std::thread([this] { state_->run_thread([this] { run(); }); });
  }
  ~HeartbeatClient() {
    ending_ = true;
    thread_.join();
  }

 private:
  void run() {
    auto last_round = Clock::now();
    last_message_ = last_round;
    last_heartbeat_ = last_round - std::chrono::seconds(60);
    while (!ending_) {
      pollfd wait{channel_.socket().descriptor(), POLLIN, 0};
      ::poll(&wait, 1, 100);
      const auto now = Clock::now();
      if (Seconds(now - last_round) > kOwnSleep) last_message_ = now;
      last_round = now;
      if (receive(now) || part() || check_root(now)) return;
      send(now);
    }
  }

  /// @return whether rank 0 has ended the job.
  bool receive(Clock::time_point now) {
    for (const auto& line : channel_.receive()) {
      last_message_ = now;
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word != "end") continue;
      int code = 1;
      words >> code >> std::ws;
      std::string message;
      std::getline(words, message);
      channel_.send("heard");
      state_->end_with({many_lines(message), code});
      return true;
    }
    return false;
  }

  /// Announces this rank's orderly end when it leaves. @return whether rank 0 has left too.
  bool part() {
    const std::lock_guard lock(state_->guard);
    if (state_->leaving && !said_goodbye_) {
      said_goodbye_ = true;
      channel_.send("bye");
    }
    return state_->leaving && channel_.broken();
  }

  /// Ends the job on this rank when rank 0 is lost. @return whether it did.
  bool check_root(Clock::time_point now) {
    const auto& options = state_->options;
    std::string message;
    if (channel_.broken()) {
      message = text(state_->name_of(0), " is gone: its process ended, or its host is down");
    } else if (Seconds(now - last_message_) > options.silence_timeout) {
      message = text("no message from ", state_->name_of(0), " for ", in_seconds(options.silence_timeout),
                     ": its process is stopped, or its host or network is down");
    } else {
      return false;
    }
    JobFailure failure{message};
    // When rank 0 cannot report any more, one rank of each host reports, and rank 1 in any case.
    const auto& group = state_->group;
    if (group.rank() == 1 || group.location().local_rank == 0) state_->report_once(failure);
    state_->end_with(std::move(failure));
    return true;
  }

  void send(Clock::time_point now) {
    if (auto failure = state_->take_own_failure())
      channel_.send(text("fail ", failure->code, ' ', failure->same_on_all, ' ', one_line(failure->message)));
    if (now - last_heartbeat_ < state_->options.heartbeat_interval) return;
    last_heartbeat_ = now;
    const auto progress = state_->group.progress();
    channel_.send(text("at ", progress.entered, ' ', progress.left));
  }

  std::shared_ptr<FailureState> state_;
  LineChannel channel_;
  Clock::time_point last_message_, last_heartbeat_;  ///< of rank 0, of this rank
  bool said_goodbye_ = false;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

FailureDetector::FailureDetector(ProcessGroup& group, const FailureDetectorOptions& options, FailureCallbacks callbacks)
    : state_(std::make_shared<FailureState>(group, options, std::move(callbacks))) {
  if (group.size() == 1) return;
  if (group.is_root()) {
    const bool on_loopback = is_loopback(options.host);
    Listener listener(on_loopback);
    Invitation invitation{.token = random_token(), .port = listener.port()};
    if (!options.host.empty()) invitation.addresses.push_back(options.host);
    if (!on_loopback) {
      for (const auto& address : own_addresses()) invitation.addresses.push_back(address);
    }
    server_ = std::make_unique<HeartbeatServer>(state_, std::move(listener), invitation.token);
    group.broadcast(invitation.encoded());
  } else {
    const auto invitation = Invitation::decoded(group.broadcast(std::string()));
    client_ = std::make_unique<HeartbeatClient>(state_, connect_to_root(group, invitation, options.connect_timeout));
  }
  group.barrier();
  state_->connected = true;
}

FailureDetector::~FailureDetector() = default;

JobFailure FailureDetector::fail(const std::string& message, int code, bool same_on_all) {
  std::unique_lock lock(state_->guard);
  state_->main_waits = true;
  state_->changed.notify_all();
  const JobFailure own{message, code, /*reported=*/false};
  if ((!server_ && !client_) || state_->leaving) return own;  // nobody decides any more
  if (!state_->job_failure) state_->own_failure = {message, code, same_on_all};
  state_->changed.wait_for(lock, 2 * state_->options.decision_wait, [this] { return state_->job_failure.has_value(); });
  return state_->job_failure.value_or(own);
}

void FailureDetector::set_stall_timeout(Seconds timeout) { state_->stall_timeout = timeout.count(); }

void FailureDetector::leave() {
  const std::lock_guard lock(state_->guard);
  state_->leaving = true;
}

}  // namespace monge::dist
