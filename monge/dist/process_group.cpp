#include "monge/dist/process_group.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != 0 ? name : "localhost";
}

/// The finished sum of a single rank, which was a copy.
class Done : public Work {
 public:
  void wait() override {}
};

class Pending : public Work {
 public:
  explicit Pending(std::future<void> result) : result_(std::move(result)) {}
  void wait() override {
    if (result_.valid()) result_.get();
  }

 private:
  std::future<void> result_;
};

}  // namespace

/// The one thread that uses the transport.
class ProcessGroup::Engine {
 public:
  explicit Engine(std::atomic<int64_t>& left) : left_(left), thread_([this] { serve(); }) {}
  ~Engine() {
    {
      const std::lock_guard lock(guard_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::future<void> start(std::function<void()> operation) {
    std::packaged_task<void()> task(std::move(operation));
    auto result = task.get_future();
    {
      const std::lock_guard lock(guard_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
    return result;
  }

 private:
  void serve() {
    std::unique_lock lock(guard_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      ++left_;
      lock.lock();
    }
  }

  std::atomic<int64_t>& left_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<void()>> tasks_;
  bool ending_ = false;
  std::thread thread_;  // the last member, because it uses the others
};

ProcessGroup::ProcessGroup(std::unique_ptr<Transport> transport, bool launched)
    : transport_(std::move(transport)), launched_(launched || transport_) {
  locations_.push_back({host_name(), static_cast<int64_t>(::getpid()), 0, 1});
  if (!transport_) return;
  rank_ = transport_->rank();
  size_ = transport_->size();
  engine_ = std::make_unique<Engine>(left_);
  const auto gathered = gather(text(locations_[0].process, ' ', locations_[0].host));
  locations_.clear();
  std::map<std::string, int64_t> counts;
  for (const auto& line : gathered) {
    std::istringstream words(line);
    HostLocation location;
    words >> location.process >> std::ws;
    std::getline(words, location.host);
    location.local_rank = counts[location.host]++;
    locations_.push_back(location);
  }
  for (auto& location : locations_) location.local_size = counts[location.host];
}

ProcessGroup::~ProcessGroup() = default;

ProcessGroup& ProcessGroup::single() {
  static ProcessGroup group;
  return group;
}

void ProcessGroup::use_gpu(std::unique_ptr<GpuSums> sums) {
  require(this != &single(), "the group of a single process is shared; sums over GPUs need a group of their own");
  gpu_ = std::move(sums);
}

std::string ProcessGroup::transport_name() const { return transport_ ? transport_->name() : "none"; }

std::string ProcessGroup::name_of(int64_t rank) const { return text("rank ", rank, " on host ", location(rank).host); }

void ProcessGroup::run(const std::function<void()>& operation) {
  require(engine_ != nullptr, "the process group has been closed");
  ++entered_;
  engine_->start(operation).get();
}

std::unique_ptr<Work> ProcessGroup::start_sum(const torch::Tensor& from, const torch::Tensor& to) {
  require(from.is_contiguous() && to.is_contiguous() && from.sizes() == to.sizes() &&
              from.scalar_type() == to.scalar_type() && from.device() == to.device(),
          "sums over ranks need contiguous tensors of one shape, type and device");
  if (!from.is_cpu() && gpu_) return gpu_->start_sum(from, to);
  if (size_ == 1) {
    if (!from.is_same(to) && from.data_ptr() != to.data_ptr()) to.copy_(from);
    return std::make_unique<Done>();
  }
  require(from.is_cpu(), "the process group has no GPU for this rank");
  require(engine_ != nullptr, "the process group has been closed");
  ++entered_;
  return std::make_unique<Pending>(engine_->start([this, from, to] {
    transport_->sum(from.const_data_ptr(), to.mutable_data_ptr(), from.numel(), from.scalar_type());
  }));
}

void ProcessGroup::sum(const torch::Tensor& tensor) { start_sum(tensor, tensor)->wait(); }

void ProcessGroup::broadcast(const torch::Tensor& tensor, int64_t root) {
  if (size_ == 1) return;
  const at::NoGradGuard no_grad;
  const auto plain = tensor.detach().cpu().contiguous();
  run([&] { transport_->broadcast(plain.mutable_data_ptr(), static_cast<int64_t>(plain.nbytes()), root); });
  if (rank_ != root) tensor.detach().copy_(plain);
}

std::string ProcessGroup::broadcast(const std::string& text, int64_t root) {
  if (size_ == 1) return text;
  std::string out = text;
  run([&] {
    int64_t length = static_cast<int64_t>(out.size());
    transport_->broadcast(&length, sizeof length, root);
    out.resize(static_cast<size_t>(length));
    transport_->broadcast(out.data(), length, root);
  });
  return out;
}

std::vector<std::string> ProcessGroup::gather(const std::string& mine) {
  if (size_ == 1) return {mine};
  std::vector<std::string> out;
  run([&] { out = transport_->gather(mine); });
  return out;
}

torch::Tensor ProcessGroup::gather_rows(const torch::Tensor& rows) {
  if (size_ == 1) return rows;
  const auto plain = rows.contiguous();
  std::vector<torch::Tensor> parts;
  for (const auto& count : gather(std::to_string(rows.size(0)))) {
    auto shape = plain.sizes().vec();
    shape[0] = std::stoll(count);
    parts.push_back(torch::empty(shape, plain.options()));
  }
  parts[static_cast<size_t>(rank_)].copy_(plain);
  for (size_t root = 0; root < parts.size(); ++root) {
    const auto& part = parts[root];
    if (part.numel() == 0) continue;
    run([&] {
      transport_->broadcast(part.mutable_data_ptr(), static_cast<int64_t>(part.nbytes()), static_cast<int64_t>(root));
    });
  }
  return torch::cat(parts);
}

void ProcessGroup::require_same(const std::string& what, const std::string& value) {
  const auto all = gather(value);
  for (size_t other = 1; other < all.size(); ++other) {
    if (all[other] == all[0]) continue;
    throw CommonError(
        {.what = "the ranks do not agree",
         .where = what,
         .value = text(all[0], " on ", name_of(0), ", ", all[other], " on ", name_of(static_cast<int64_t>(other))),
         .fix = "all ranks need the same program, command line and files"});
  }
}

void ProcessGroup::close() {
  if (!transport_) return;
  barrier();
  gpu_.reset();
  engine_.reset();
  transport_->close();  // MPI_Finalize must be called by the thread that initialised MPI
  transport_.reset();
}

Slice slice_of_batch(int64_t batch, const ProcessGroup& group, bool may_change) {
  const int64_t size = group.size();
  if (batch % size != 0) {
    throw InputError(
        {.what = text("the batch cannot be divided among ", size, " ranks"),
         .where = "train.batch",
         .value = std::to_string(batch),
         .allowed = text("multiples of ", size),
         .fix = may_change
                    ? text("set train.batch = ", (batch / size + 1) * size, " or start with another number of ranks")
                    : std::string("start with another number of ranks; a resumed run keeps its batch")});
  }
  return {group.rank() * (batch / size), batch / size, batch};
}

Slice slice_of(int64_t count, const ProcessGroup& group) {
  const int64_t size = group.size(), rank = group.rank();
  const int64_t begin = count * rank / size;
  return {begin, count * (rank + 1) / size - begin, count};
}

}  // namespace monge::dist
