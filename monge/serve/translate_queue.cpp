#include "monge/serve/translate_queue.h"

#include <atomic>

#include "monge/core/error.h"
#include "monge/serve/translate_together.h"

namespace monge::serve {
namespace {

int64_t items_of(const Translation& translation) {
  constexpr int64_t kRows = 4096;
  const int64_t outputs = translation.x.size(0) * translation.options.samples;
  return translation.x.dim() == 2 ? (outputs + kRows - 1) / kRows : outputs;
}

/// session::translate, stopped between its parts when it takes too long or nobody waits for it any more.
torch::Tensor translate_alone(const Translation& translation, double most_seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(most_seconds);
  std::atomic<bool> stop{false};
  const auto look = [&](const std::string&, int64_t, int64_t) {
    if (std::chrono::steady_clock::now() > end || translation.gone()) stop = true;
  };
  const auto& map = translation.model->map;
  const auto y = session::translate(translation.inverse ? map.inverse() : map, translation.x, translation.options,
                                    {.progress = look, .stop = &stop});
  if (y.defined()) return y;
  throw InputError({.what = text("the translation takes longer than ", most_seconds, " seconds"),
                    .fix = "ask for a smaller size or fewer samples"});
}

}  // namespace

TranslateQueue::TranslateQueue(Options options) : options_(std::move(options)), thread_([this] { work(); }) {}

TranslateQueue::~TranslateQueue() {
  {
    const std::lock_guard lock(guard_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
  const auto failure = std::make_exception_ptr(SystemError("the server is stopping"));
  for (const auto& translation : queue_) translation.done({}, failure);
}

bool TranslateQueue::submit(Translation translation) {
  {
    const std::lock_guard lock(guard_);
    const int64_t items = items_of(translation);
    if (ended_ || (!queue_.empty() && waiting_ + items > options_.most_waiting)) return false;
    waiting_ += items;
    queue_.push_back(std::move(translation));
  }
  changed_.notify_one();
  return true;
}

int64_t TranslateQueue::waiting() const {
  const std::lock_guard lock(guard_);
  return waiting_;
}

std::vector<Translation> TranslateQueue::next_batch() {
  std::unique_lock lock(guard_);
  changed_.wait(lock, [this] { return ended_ || !queue_.empty(); });
  std::vector<Translation> batch;
  if (ended_) return batch;
  const auto take = [&](auto at) {
    waiting_ -= items_of(*at);
    batch.push_back(std::move(*at));
    return queue_.erase(at);
  };
  take(queue_.begin());
  if (!can_be_batched(batch[0])) return batch;
  int64_t items = items_of(batch[0]);
  for (auto at = queue_.begin(); at != queue_.end() && items < options_.batch;) {
    if (items + items_of(*at) > options_.batch || !belong_together(batch[0], *at)) {
      ++at;
    } else {
      items += items_of(*at);
      at = take(at);
    }
  }
  return batch;
}

void TranslateQueue::work() {
  while (true) {
    auto batch = next_batch();
    if (batch.empty()) return;
    std::erase_if(batch, [](const Translation& translation) { return translation.gone(); });
    if (batch.empty()) continue;
    const auto begin = std::chrono::steady_clock::now();
    std::vector<torch::Tensor> outputs;
    std::exception_ptr failure;
    try {
      outputs =
          batch.size() == 1 ? std::vector{translate_alone(batch[0], options_.most_seconds)} : translate_together(batch);
    } catch (const std::exception&) {
      failure = std::current_exception();
    }
    if (failure && batch.size() > 1) {  // whose fault it is shows when each is computed by itself
      for (const auto& translation : batch) {
        try {
          translation.done(translate_alone(translation, options_.most_seconds), nullptr);
        } catch (const std::exception&) {
          translation.done({}, std::current_exception());
        }
      }
      continue;
    }
    if (options_.observe && !failure) {
      int64_t items = 0;
      for (const auto& one : batch) items += one.x.size(0) * one.options.samples;
      options_.observe(static_cast<int64_t>(batch.size()), items,
                       std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    for (size_t i = 0; i < batch.size(); ++i) batch[i].done(failure ? torch::Tensor() : outputs[i], failure);
  }
}

}  // namespace monge::serve
