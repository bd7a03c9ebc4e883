#include "monge/dist/rendezvous.h"

#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <unistd.h>

#include <thread>

#include "monge/core/error.h"
#include "monge/dist/socket_transport.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

std::string key_of(const Launch& launch, int64_t rank) { return text("monge/", launch.run, "/", rank); }

std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

/// What a rank tells of itself: its address and port.
struct Contact {
  std::string host;
  uint16_t port = 0;
};

Contact contact_of(const std::vector<uint8_t>& told) {
  const auto words = text_of(told);
  const auto space = words.find(' ');
  return {words.substr(0, space), static_cast<uint16_t>(std::stoi(words.substr(space + 1)))};
}

/// @throws SystemError naming those that are missing.
void wait_for_all(c10d::TCPStore& store, const Launch& launch, Clock::time_point end) {
  std::vector<int64_t> missing(static_cast<size_t>(launch.size));
  for (int64_t rank = 0; rank < launch.size; ++rank) missing[static_cast<size_t>(rank)] = rank;
  while (true) {
    std::erase_if(missing, [&](int64_t rank) { return store.check({key_of(launch, rank)}); });
    if (missing.empty()) return;
    if (Clock::now() > end) {
      std::string names;
      for (size_t i = 0; i < std::min<size_t>(missing.size(), 20); ++i) names += (i ? ", " : "") + std::to_string(missing[i]);
      throw SystemError(text("of ", launch.size, " ranks ", missing.size(), " did not come to ", launch.host, ", port ", launch.port, ": ",
                             names, missing.size() > 20 ? ", ..." : ""));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

std::unique_ptr<Transport> meet_at(c10d::TCPStore& store, const Launch& launch, Clock::time_point end) {
  const auto left = [&] { return std::max(Seconds(1), Seconds(end - Clock::now())); };
  Listener listener;
  // The address by which the store is reached is one that the others can reach too.
  const std::string own = Socket::connect(launch.host, launch.port, left()).own_address();
  // Whoever else finds the ports of the ranks does not know the job's token.
  const auto token_key = text("monge/", launch.run, "/token");
  if (launch.rank == 0) store.set(token_key, bytes_of(random_token()));
  store.set(key_of(launch, launch.rank), bytes_of(text(own, ' ', listener.port())));
  wait_for_all(store, launch, end);
  const auto token = text_of(store.get(token_key));

  const int64_t after = (launch.rank + 1) % launch.size, before = (launch.rank + launch.size - 1) % launch.size;
  const auto contact = contact_of(store.get(key_of(launch, after)));
  auto next = Socket::connect(contact.host, contact.port, left());
  next.set_peer(text("rank ", after, " (", contact.host, ")"));
  const auto greeting = [&](int64_t rank) {
    auto out = text("monge ", token, ' ', rank);
    out.resize(128, ' ');
    return out;
  };
  const auto hello = greeting(launch.rank), expected = greeting(before);
  next.send(hello.data(), static_cast<int64_t>(hello.size()));
  while (true) {
    auto previous = listener.accept(left());
    if (!previous.open()) throw SystemError(text("rank ", before, " did not connect to rank ", launch.rank, " (", own, ", port ", listener.port(), ")"));
    std::string came(expected.size(), ' ');
    try {
      previous.receive(came.data(), static_cast<int64_t>(came.size()), Seconds(10));
    } catch (const SystemError&) {
      continue;  // a stranger
    }
    if (came != expected) continue;
    previous.set_peer(text("rank ", before, " (", contact_of(store.get(key_of(launch, before))).host, ")"));
    auto out = std::make_unique<SocketTransport>(launch.rank, launch.size, std::move(next), std::move(previous));
    out->gather({});  // nobody leaves the store before all have read it
    return out;
  }
}

}  // namespace

std::unique_ptr<Transport> meet(const Launch& launch, Seconds patience) {
  if (launch.size == 1) return nullptr;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(patience);
  c10d::TCPStoreOptions options;
  options.port = launch.port;
  options.isServer = launch.rank == 0 && !launch.met_by_agent;
  options.waitWorkers = false;
  if (launch.listens) options.masterListenFd = *launch.listens;
  options.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  try {
    c10d::TCPStore store(launch.host, options);
    return meet_at(store, launch, end);
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    throw SystemError(Complaint{.what = text(options.isServer ? "rank 0 cannot listen there" : "rank 0 is not reached there", ": ",
                                             what.substr(0, what.find('\n'))),
                                .where = "MASTER_ADDR, MASTER_PORT",
                                .value = text(launch.host, ", ", launch.port),
                                .fix = options.isServer ? "take another MASTER_PORT, one that is free on that host" : ""});
  }
}

}  // namespace monge::dist
