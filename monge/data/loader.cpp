#include "monge/data/loader.h"

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "monge/core/cores.h"
#include "monge/core/error.h"
#include "monge/data/parallel.h"

namespace monge::data {
namespace {

using Clock = std::chrono::steady_clock;

/// Copies to a GPU on a separate stream, so that computations do not wait for the copies.
class CopyStream {
 public:
  explicit CopyStream(torch::Device device)
      : device_(device), guard_(device.type()), stream_(guard_.getStreamFromGlobalPool(device)), done_(device.type()) {}

  /// @param host  in pinned memory. The copy may still be running when this returns.
  torch::Tensor start(const torch::Tensor& host) {
    const c10::StreamGuard on_it(stream_);
    auto out = host.to(device_, /*non_blocking=*/true);
    done_.record(stream_);
    return out;
  }

  /// Makes the current stream wait for the last copy.
  void finish(const torch::Tensor& copy) {
    const auto present = guard_.getStream(device_);
    done_.block(present);
    copy.record_stream(present);  // its memory must not be reused while that stream uses it
  }

 private:
  torch::Device device_;
  c10::impl::VirtualGuardImpl guard_;
  c10::Stream stream_;
  c10::Event done_;
};

/// Keeps the whole set on a device and gathers batches from it by index.
class Resident {
 public:
  Resident(const Source& source, torch::Device device) : device_(device) {
    require(!source.endless(), source.name(), ": an endless law cannot be kept on the device");
    constexpr int64_t kChunkBytes = int64_t{64} << 20;
    const int64_t at_once =
        std::clamp<int64_t>(kChunkBytes / std::max<int64_t>(source.stored_items({0}).nbytes(), 1), 1, 4096);
    for (int64_t begin = 0; begin < source.size(); begin += at_once) {
      std::vector<int64_t> indices(static_cast<size_t>(std::min(at_once, source.size() - begin)));
      std::iota(indices.begin(), indices.end(), begin);
      auto chunk = source.stored_items(indices);
      if (chunk.dim() == 4) chunk = chunk.permute({0, 2, 3, 1});
      if (!items_.defined()) {
        auto shape = chunk.sizes().vec();
        shape[0] = source.size();
        items_ = torch::empty(shape, torch::dtype(chunk.scalar_type()).device(device));
      }
      items_.narrow(0, begin, chunk.size(0)).copy_(chunk);
    }
  }

  torch::Tensor batch(const Sampler& sampler, int64_t step, int64_t n) const {
    auto indices = torch::tensor(sampler.indices(step, n), torch::kInt64);
    if (!device_.is_cpu()) indices = indices.pin_memory().to(device_, /*non_blocking=*/true);
    const auto chosen = items_.index_select(0, indices);
    return augmented(chosen.dim() == 4 ? chosen.permute({0, 3, 1, 2}) : chosen, sampler.augmentation(step, n));
  }

 private:
  torch::Device device_;
  torch::Tensor items_;  ///< images [N, H, W, C], so that batches are channels last, as networks expect
};

}  // namespace

int64_t usual_workers(const Source& source, torch::Device device) {
  if (source.is_quick()) return device.is_cpu() ? 0 : 2;
  return std::min<int64_t>(usable_cores(), 16);
}

struct Loader::State {
  State(std::shared_ptr<const Sampler> given, const LoaderOptions& chosen)
      : sampler(std::move(given)), options(chosen) {
    require(sampler != nullptr && options.batch >= 1 && options.prefetch >= 1,
            "Loader: a sampler, a batch and a prefetch of 1 or more are needed");
    if (options.resident) {
      resident = std::make_unique<Resident>(sampler->source(), options.device);
      return;
    }
    if (!options.device.is_cpu()) copies.emplace(options.device);
    const int64_t workers = options.workers < 0 ? usual_workers(sampler->source(), options.device) : options.workers;
    ahead = std::max(options.prefetch, workers);
    for (int64_t k = 0; k < workers; ++k) threads.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }

  ~State() {
    for (auto& thread : threads) thread.request_stop();
    room.notify_all();
  }

  /// A batch on the host, in pinned memory if the device is a GPU.
  torch::Tensor make(int64_t step) const {
    auto out = sampler->stored_batch(step, options.batch);
    return options.device.is_cpu() ? out : out.pin_memory();
  }

  void work(const std::stop_token& stop) {
    set_single_threaded();
    std::unique_lock lock(guard);
    // wait() returns its condition, also when it was stopped.
    while (room.wait(lock, stop, [this] { return wanted >= 0 && next < wanted + ahead; }) && !stop.stop_requested()) {
      const int64_t step = next++, row = this->row;
      lock.unlock();
      Made made;
      try {
        made.items = make(step);
      } catch (...) {
        made.failure = std::current_exception();
      }
      lock.lock();
      if (row != this->row) continue;  // meanwhile the caller requested another row of steps
      ready.emplace(step, std::move(made));
      there.notify_one();
    }
  }

  /// The batch of `step` on the host; waits for it.
  torch::Tensor take(int64_t step) {
    const auto began = Clock::now();
    auto out = take_untimed(step);
    waited += std::chrono::duration<double>(Clock::now() - began).count();
    return out;
  }

  torch::Tensor take_untimed(int64_t step) {
    if (threads.empty()) return make(step);
    std::unique_lock lock(guard);
    if (step != wanted) {  // a new row of consecutive steps begins
      ready.clear();
      ++row;
      next = step;
    }
    wanted = step;
    room.notify_all();
    there.wait(lock, [&] { return ready.count(step) > 0; });
    auto made = std::move(ready.extract(step).mapped());
    wanted = step + 1;
    room.notify_all();
    if (made.failure) std::rethrow_exception(made.failure);
    return std::move(made.items);
  }

  /// Whether take(step) would not wait.
  bool is_ready(int64_t step) {
    const std::lock_guard lock(guard);
    const auto found = ready.find(step);
    return step == wanted && found != ready.end() && !found->second.failure;
  }

  torch::Tensor on_device(int64_t step) {
    if (resident) return resident->batch(*sampler, step, options.batch);
    if (!copies) return take(step);
    auto out = copied_step == step ? std::exchange(copied, {}) : copies->start(take(step));
    copies->finish(out);
    copied_step = -1;
    if (is_ready(step + 1)) {
      copied = copies->start(take(step + 1));
      copied_step = step + 1;
    }
    return out;
  }

  struct Made {
    torch::Tensor items;
    std::exception_ptr failure;
  };

  std::shared_ptr<const Sampler> sampler;
  LoaderOptions options;
  std::unique_ptr<Resident> resident;
  std::optional<CopyStream> copies;
  torch::Tensor copied;  ///< the batch after the last one, on the device or being copied there
  int64_t copied_step = -1;
  double waited = 0;

  std::mutex guard;
  std::condition_variable_any room, there;
  std::map<int64_t, Made> ready;
  int64_t wanted = -1;  ///< the next step if requests are consecutive; -1: no request yet
  int64_t next = 0, ahead = 1;
  int64_t row = 0;                    ///< number of rows of consecutive steps so far
  std::vector<std::jthread> threads;  ///< declared last, so that they are joined first
};

Loader::Loader(std::shared_ptr<const Sampler> sampler, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(sampler), options)) {}
Loader::~Loader() = default;

torch::Tensor Loader::batch(int64_t step) { return as_floats(state_->on_device(step)).to(state_->options.type); }

double Loader::waited() const { return state_->waited; }

}  // namespace monge::data
