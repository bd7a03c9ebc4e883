// Threads that handle requests, so that the thread of the connections never waits.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace monge::serve {

class WorkerPool {
 public:
  explicit WorkerPool(int64_t threads);
  /// Finishes the tasks that run, and drops those that wait.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs the task on one of the threads. It must not throw. Dropped after the end.
  void post(std::function<void()> task);

 private:
  void work();

  std::mutex guard_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace monge::serve
