#include "monge/dist/heartbeat_server.h"

#include <poll.h>

#include <algorithm>
#include <sstream>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

constexpr size_t kMostUnauthenticated = 64;  // connections
constexpr Seconds kTimeToAuthenticate{10};
constexpr size_t kGreetingLimit = 256, kMessageLimit = 1 << 20;  // bytes of a line

}  // namespace

HeartbeatServer::HeartbeatServer(std::shared_ptr<FailureState> state, Listener listener, std::string token)
    : state_(std::move(state)),
      listener_(std::move(listener)),
      token_(std::move(token)),
      peers_(static_cast<size_t>(state_->group.size())),
      stalls_(peers_.size(), Clock::now()) {
  for (auto& peer : peers_) peer.last_message = Clock::now();
  thread_ = std::thread([this] { state_->run_thread([this] { run(); }); });
}

HeartbeatServer::~HeartbeatServer() {
  ending_ = true;
  thread_.join();
}

void HeartbeatServer::run() {
  auto last_round = Clock::now(), last_heartbeat = last_round - std::chrono::seconds(60);
  while (!ending_) {
    wait_for_messages();
    const auto now = Clock::now();
    const bool slept = Seconds(now - last_round) > kOwnSleep;
    last_round = now;
    accept_peers();
    receive();
    if (slept) {
      for (auto& peer : peers_) peer.last_message = now;
      stalls_.restart(now);
    }
    stalls_.record(0, state_->group.progress(), now);
    peers_[0].last_message = now;
    if (now - last_heartbeat >= state_->options.heartbeat_interval) {
      last_heartbeat = now;
      for (auto& peer : peers_) {
        if (peer.channel) peer.channel->send("beat");
      }
    }
    handle_reported_failures(now);
    if (!reported_ && !done_) check_connections(now);
    if (!reported_ && !done_) check_progress(now);
    if (done_) return;
  }
}

void HeartbeatServer::wait_for_messages() {
  std::vector<pollfd> waits{{listener_.descriptor(), POLLIN, 0}};
  std::vector<Peer*> waited_for{nullptr};
  for (auto& peer : peers_) {
    peer.readable = false;
    if (!peer.channel || peer.channel->broken()) continue;
    waits.push_back({peer.channel->socket().descriptor(), POLLIN, 0});
    waited_for.push_back(&peer);
  }
  ::poll(waits.data(), waits.size(), 100);
  for (size_t i = 1; i < waits.size(); ++i) waited_for[i]->readable = waits[i].revents != 0;
}

/// A peer that sends the token becomes a rank; one that sends anything else, or nothing for long, is dropped.
void HeartbeatServer::accept_peers() {
  while (unauthenticated_.size() < kMostUnauthenticated) {
    auto socket = listener_.accept(Seconds(0));
    if (!socket.open()) break;
    unauthenticated_.push_back({std::make_unique<LineChannel>(std::move(socket), kGreetingLimit), Clock::now()});
  }
  std::erase_if(unauthenticated_, [this](auto& peer) {
    for (const auto& line : peer.channel->receive()) {
      std::istringstream words(line);
      std::string token;
      size_t rank = 0;
      if (!(words >> token >> rank) || token != token_ || rank >= peers_.size()) return true;
      peers_[rank].channel = std::move(peer.channel);
      peers_[rank].channel->send("welcome");
      peers_[rank].channel->set_limit(kMessageLimit);
      peers_[rank].last_message = Clock::now();
      return true;
    }
    return peer.channel->broken() || Seconds(Clock::now() - peer.since) > kTimeToAuthenticate;
  });
}

void HeartbeatServer::receive() {
  for (size_t rank = 1; rank < peers_.size(); ++rank) {
    auto& peer = peers_[rank];
    if (!peer.channel || !peer.readable) continue;
    for (const auto& line : peer.channel->receive()) {
      peer.last_message = Clock::now();
      receive_line(rank, line);
    }
  }
}

void HeartbeatServer::receive_line(size_t rank, const std::string& line) {
  auto& peer = peers_[rank];
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "at") {
    CollectiveProgress progress;
    words >> progress.entered >> progress.left;
    stalls_.record(rank, progress, Clock::now());
  } else if (word == "bye") {
    peer.left = true;
    stalls_.leave(rank);
  } else if (word == "fail") {
    RankFailure failure;
    words >> failure.code >> failure.same_on_all >> std::ws;
    std::getline(words, failure.message);
    failure.message = many_lines(failure.message);
    if (!reported_) reported_ = ReportedFailure{std::move(failure), rank, peer.last_message};
  }
}

/// A fault that all ranks have, such as a path that does not exist, fails them at about the same time. So rank 0 waits
/// a moment for a failure of its own before it names the rank that reported first.
void HeartbeatServer::handle_reported_failures(Clock::time_point now) {
  const auto own = state_->take_own_failure();
  if (own && (!reported_ || reported_->failure.message == own->message)) return end_job({own->message, own->code});
  if (!reported_) return;
  const auto& [failure, rank, since] = *reported_;
  if (failure.same_on_all) return end_job({failure.message, failure.code});
  if (own || Seconds(now - since) > state_->options.own_failure_wait) {
    end_job({text(state_->name_of(static_cast<int64_t>(rank)), ": ", failure.message), failure.code});
  }
}

void HeartbeatServer::check_connections(Clock::time_point now) {
  const auto& options = state_->options;
  for (size_t rank = 1; rank < peers_.size(); ++rank) {
    const auto& peer = peers_[rank];
    if (peer.left) continue;
    if (!peer.channel && !state_->connected) continue;  // the constructor's timeout ends this wait
    const auto name = [&] { return state_->name_of(static_cast<int64_t>(rank)); };
    if (peer.channel && peer.channel->broken())
      return end_job({text(name(), " is gone: its process ended, or its host is down")});
    if (Seconds(now - peer.last_message) > options.silence_timeout) {
      return end_job({text("no message from ", name(), " for ", in_seconds(options.silence_timeout),
                           ": its process is stopped, or its host or network is down")});
    }
  }
}

void HeartbeatServer::check_progress(Clock::time_point now) {
  const Seconds timeout(state_->stall_timeout.load());
  const auto stall = stalls_.find(now, timeout);
  if (!stall) return;
  if (stall->rank) {
    end_job({text(state_->name_of(static_cast<int64_t>(*stall->rank)), " hangs: for ", in_seconds(timeout),
                  " it has not reached collective operation ", stall->operation,
                  ", where other ranks wait (parallel.timeout)")});
  } else {
    end_job({text("all ranks have waited in a collective operation for ", in_seconds(timeout),
                  ": the network between them or a GPU does not work (parallel.timeout)")});
  }
}

void HeartbeatServer::end_job(JobFailure failure) {
  if (done_) return;
  done_ = true;
  state_->report_once(failure);
  for (auto& peer : peers_) {
    if (peer.channel && !peer.channel->broken())
      peer.channel->send(text("end ", failure.code, ' ', one_line(failure.message)));
  }
  const auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(state_->options.decision_wait);
  const auto is_waited_for = [](const Peer& peer) { return peer.channel && !peer.channel->broken() && !peer.left; };
  while (Clock::now() < until && std::any_of(peers_.begin(), peers_.end(), is_waited_for)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (auto& peer : peers_) {
      if (!peer.channel) continue;
      for (const auto& line : peer.channel->receive()) peer.left = peer.left || line == "heard";
    }
  }
  state_->end_with(std::move(failure));
}

}  // namespace monge::dist
