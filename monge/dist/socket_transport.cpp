#include "monge/dist/socket_transport.h"

#include <algorithm>
#include <cstring>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

constexpr int64_t kSmall = 32 << 10;  // bytes; below this the ring's latency matters more than its bandwidth
constexpr int64_t kPiece = 1 << 20;   // of a broadcast, passed on while the next one comes

}  // namespace

SocketTransport::SocketTransport(int64_t rank, int64_t size, Socket next, Socket previous)
    : rank_(rank), size_(size), next_(std::move(next)), previous_(std::move(previous)) {
  require(size_ >= 2, "a ring needs two ranks");
}

template <class T>
void SocketTransport::sum_small(const T* from, T* to, int64_t count) {
  const int64_t bytes = count * static_cast<int64_t>(sizeof(T));
  scratch_.resize(static_cast<size_t>(size_ * bytes));
  const auto part = [&](int64_t rank) { return scratch_.data() + ((rank % size_ + size_) % size_) * bytes; };
  std::memcpy(part(rank_), from, static_cast<size_t>(bytes));
  for (int64_t step = 0; step < size_ - 1; ++step) pass(part(rank_ - step), bytes, part(rank_ - step - 1), bytes);
  for (int64_t rank = 0; rank < size_; ++rank) {
    const T* values = reinterpret_cast<const T*>(part(rank));
    for (int64_t i = 0; i < count; ++i) to[i] = rank == 0 ? values[i] : to[i] + values[i];
  }
}

template <class T>
void SocketTransport::sum_of(const T* from, T* to, int64_t count) {
  if (count * static_cast<int64_t>(sizeof(T)) <= kSmall) {
    sum_small(from, to, count);
    return;
  }
  const auto begin = [&](int64_t part) { return count * ((part % size_ + size_) % size_) / size_; };
  const auto length = [&](int64_t part) {
    const int64_t p = (part % size_ + size_) % size_;
    return count * (p + 1) / size_ - count * p / size_;
  };
  const auto bytes = [&](int64_t part) { return length(part) * static_cast<int64_t>(sizeof(T)); };
  if (from != to) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(T));
  scratch_.resize(static_cast<size_t>((count / size_ + 1)) * sizeof(T));
  auto* came = reinterpret_cast<T*>(scratch_.data());
  // After step s this rank holds part rank - s - 1 summed over s + 2 ranks; at the end, part rank + 1 summed over all.
  for (int64_t step = 0; step < size_ - 1; ++step) {
    const int64_t out = rank_ - step, in = rank_ - step - 1;
    pass(to + begin(out), bytes(out), came, bytes(in));
    T* sum = to + begin(in);
    for (int64_t i = 0, n = length(in); i < n; ++i) sum[i] += came[i];
  }
  for (int64_t step = 0; step < size_ - 1; ++step) {
    const int64_t out = rank_ + 1 - step, in = rank_ - step;
    pass(to + begin(out), bytes(out), to + begin(in), bytes(in));
  }
}

void SocketTransport::sum(const void* from, void* to, int64_t count, torch::ScalarType type) {
  const auto as = [&]<class T>(T) { sum_of(static_cast<const T*>(from), static_cast<T*>(to), count); };
  switch (type) {
    case torch::kFloat32:
      return as(float{});
    case torch::kFloat64:
      return as(double{});
    case torch::kInt64:
      return as(int64_t{});
    default:
      throw InputError(text("sums over ranks support float32, float64 and int64; got ", type));
  }
}

void SocketTransport::broadcast(void* data, int64_t bytes, int64_t root) {
  auto* next = static_cast<char*>(data);
  const bool first = rank_ == root, last = (rank_ + 1) % size_ == root;
  for (int64_t at = 0; at < bytes; at += kPiece) {
    const int64_t length = std::min(kPiece, bytes - at);
    if (!first) previous_.receive(next + at, length, Seconds(timeout_.load()));
    if (!last) next_.send(next + at, length, Seconds(timeout_.load()));
  }
}

std::vector<std::string> SocketTransport::gather(const std::string& mine) {
  std::vector<std::string> out(static_cast<size_t>(size_));
  const auto part = [&](int64_t rank) -> std::string& {
    return out[static_cast<size_t>((rank % size_ + size_) % size_)];
  };
  part(rank_) = mine;
  for (int64_t step = 0; step < size_ - 1; ++step) {
    const auto& sent = part(rank_ - step);
    auto& came = part(rank_ - step - 1);
    const int64_t length = static_cast<int64_t>(sent.size());
    int64_t coming = 0;
    pass(&length, sizeof length, &coming, sizeof coming);
    came.resize(static_cast<size_t>(coming));
    pass(sent.data(), length, came.data(), coming);
  }
  return out;
}

}  // namespace monge::dist
