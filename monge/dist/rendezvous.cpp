#include "monge/dist/rendezvous.h"

#include <c10/util/Logging.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <future>
#include <mutex>
#include <sstream>
#include <thread>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "monge/core/error.h"
#include "monge/dist/socket_transport.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

std::string key_of(const Launch& launch, int64_t rank) { return text("monge/", launch.run, "/", rank); }

std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// The port of a rank, and addresses at one or more of which it can be reached.
struct Contact {
  uint16_t port = 0;
  std::vector<std::string> hosts;
};

Contact contact_of(const std::vector<uint8_t>& bytes) {
  std::istringstream words(text_of(bytes));
  Contact out;
  words >> out.port;
  for (std::string host; words >> host;) out.hosts.push_back(host);
  return out;
}

std::string text_of(const Contact& contact) {
  auto out = std::to_string(contact.port);
  for (const auto& host : contact.hosts) out += ' ' + host;
  return out;
}

/// The addresses of this rank. Hosts often resolve their own name to the loopback, which would lead other ranks to
/// themselves.
std::vector<std::string> own_hosts(const Launch& launch, Clock::time_point end) {
  if (is_loopback(launch.host)) return {launch.host};
  std::vector<std::string> out;
  const auto timeout = std::max(Seconds(1), Seconds(end - Clock::now()));
  const auto towards_store = Socket::connect(launch.host, launch.port, timeout).own_address();
  if (!is_loopback(towards_store)) out.push_back(towards_store);
  if (launch.rank == 0) out.push_back(launch.host);
  for (const auto& address : own_addresses()) {
    if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
  }
  return out;
}

// All greetings have one length, so that one read takes a whole one.
constexpr int64_t kGreeting = 64;

std::string greeting(const std::string& token, const std::string& word, int64_t rank) {
  auto out = text(token, ' ', word, ' ', rank);
  out.resize(kGreeting, ' ');
  return out;
}

/// Connects to rank `after`, which answers when the token is right.
Socket connect_to(const Contact& contact, const std::string& token, int64_t rank, int64_t after,
                  Clock::time_point end) {
  const auto hello = greeting(token, "from", rank), expected = greeting(token, "at", after);
  std::string why = "it announced no address";
  do {
    for (const auto& host : contact.hosts) {
      try {
        auto socket = Socket::connect(host, contact.port, Seconds(2));
        socket.set_peer(text("rank ", after, " (", host, ")"));
        socket.send(hello.data(), kGreeting, Seconds(5));
        std::string came(kGreeting, ' ');
        socket.receive(came.data(), kGreeting, Seconds(5));
        if (came == expected) return socket;
        why = text(host, " answers, but is not this rank");
      } catch (const SystemError& error) {
        why = error.what();
      }
    }
  } while (Clock::now() < end);
  throw SystemError(text("rank ", rank, " cannot reach rank ", after, ": ", why));
}

/// Waits for rank `before` and answers it. Other peers that connect do not delay it, even when they send nothing.
Socket accept_from(Listener& listener, const std::string& token, int64_t rank, int64_t before, Clock::time_point end) {
  const auto expected = greeting(token, "from", before), answer = greeting(token, "at", rank);
  constexpr size_t kMost = 64;
  std::deque<std::pair<Socket, std::string>> waiting;  // with the bytes received from each
  while (Clock::now() < end) {
    for (auto socket = listener.accept(Seconds(0.02)); socket.open(); socket = listener.accept(Seconds(0))) {
      waiting.emplace_back(std::move(socket), std::string());
      if (waiting.size() > kMost) waiting.pop_front();
    }
    for (auto one = waiting.begin(); one != waiting.end();) {
      auto& [socket, received] = *one;
      const bool open = socket.receive_some(received, kGreeting);
      if (open && static_cast<int64_t>(received.size()) < kGreeting) {
        ++one;
        continue;
      }
      if (open && received == expected) {
        socket.send(answer.data(), kGreeting, Seconds(5));
        socket.set_peer(text("rank ", before));
        return std::move(socket);
      }
      one = waiting.erase(one);  // an unauthenticated peer, or a rank that tried a wrong address
    }
  }
  throw SystemError(text("rank ", before, " did not connect to rank ", rank, ", port ", listener.port()));
}

/// "2, 5, 6".
std::string names_of(const std::vector<int64_t>& ranks) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(ranks.size(), 20); ++i) out += (i ? ", " : "") + std::to_string(ranks[i]);
  return out + (ranks.size() > 20 ? ", ..." : "");
}

using Log = std::function<void(const std::string&)>;

/// @throws SystemError naming those that are missing.
void wait_for_all(c10d::TCPStore& store, const Launch& launch, Clock::time_point end, const Log& log) {
  std::vector<int64_t> missing(static_cast<size_t>(launch.size));
  for (int64_t rank = 0; rank < launch.size; ++rank) missing[static_cast<size_t>(rank)] = rank;
  const auto alone = launch.launcher == "srun"
                         ? "; to run a single process in a step of several tasks, unset SLURM_STEP_NUM_TASKS"
                         : "";
  auto log_at = Clock::now() + std::chrono::seconds(10);
  while (true) {
    std::erase_if(missing, [&](int64_t rank) { return store.check({key_of(launch, rank)}); });
    if (missing.empty()) return;
    if (Clock::now() > end) {
      throw SystemError(text(missing.size(), " of ", launch.size, " ranks did not connect to ", launch.host, ", port ",
                             launch.port, ", missing ranks: ", names_of(missing), alone));
    }
    if (log && Clock::now() > log_at) {
      log(text("waiting for ", missing.size(), " of ", launch.size, " ranks at ", launch.host, ", port ", launch.port,
               ", missing ranks: ", names_of(missing), alone));
      log_at = end;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::unique_ptr<Transport> meet_at(c10d::TCPStore& store, const Launch& launch, Clock::time_point end, const Log& log) {
  Listener listener(is_loopback(launch.host));
  // Another program may find the ports of the ranks, but it does not know the job's token.
  const auto token_key = text("monge/", launch.run, "/token");
  if (launch.rank == 0) store.set(token_key, bytes_of(random_token()));
  store.set(key_of(launch, launch.rank), bytes_of(text_of(Contact{listener.port(), own_hosts(launch, end)})));
  wait_for_all(store, launch, end, log);
  const auto token = text_of(store.get(token_key));

  const int64_t after = (launch.rank + 1) % launch.size, before = (launch.rank + launch.size - 1) % launch.size;
  const auto contact = contact_of(store.get(key_of(launch, after)));
  auto coming = std::async(std::launch::async, [&] { return accept_from(listener, token, launch.rank, before, end); });
  auto next = connect_to(contact, token, launch.rank, after, end);
  auto out = std::make_unique<SocketTransport>(launch.rank, launch.size, std::move(next), coming.get());
  out->set_timeout(std::max(Seconds(1), Seconds(end - Clock::now())).count());
  out->gather({});  // no rank closes the store before all have read it
  return out;
}

/// Silences the store, which logs every attempt with a backtrace, although it throws its errors. The log level belongs
/// to the process, and ranks may be threads of one process. So the first one lowers it, and the last one restores it.
class QuietStore {
 public:
  QuietStore() {
    const std::lock_guard lock(guard_);
    if (count_++ == 0) level_ = std::exchange(FLAGS_caffe2_log_level, c10::GLOG_FATAL);
  }
  ~QuietStore() {
    const std::lock_guard lock(guard_);
    if (--count_ == 0) FLAGS_caffe2_log_level = level_;
  }

 private:
  static inline std::mutex guard_;
  static inline int count_ = 0, level_ = 0;
};

}  // namespace

std::unique_ptr<Transport> connect_ranks(const Launch& launch, Seconds timeout, const Log& log) {
  if (launch.size == 1) return nullptr;
  const QuietStore quiet;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.agent_listens;
  options.waitWorkers = false;
  if (launch.listening_socket) options.masterListenFd = *launch.listening_socket;
  options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(timeout);
  try {
    c10d::TCPStore store(launch.host, options);
    return meet_at(store, launch, end, log);
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    throw SystemError(Complaint{.what = text(options.isServer ? "rank 0 cannot listen at this address"
                                                              : "rank 0 cannot be reached at this address",
                                             ": ", what.substr(0, what.find('\n'))),
                                .where = "MASTER_ADDR, MASTER_PORT",
                                .value = text(launch.host, ", ", launch.port),
                                .fix = options.isServer ? "set MASTER_PORT to a port that is free on that host" : ""});
  }
}

}  // namespace monge::dist
