// The ranks of a job: who they are, and the collective operations that training needs.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/dist/transport.h"

namespace monge::dist {

/// An error that all ranks of a job throw alike, so that nobody need be told whose it is.
class CommonError : public Error {
 public:
  using Error::Error;
};

/// Where a rank runs.
struct HostLocation {
  std::string host;
  int64_t process = 0;     ///< its number on that host
  int64_t local_rank = 0;  ///< its number among the ranks of that host
  int64_t local_size = 1;
};

/// A sum that was started. It goes on when this is destroyed before: whoever fails must not wait for others first, and
/// the sum keeps its tensors.
class Work {
 public:
  virtual ~Work() = default;
  /// On return `to` may be used: by the host, or for a GPU by what is given to the current stream from now on.
  /// @throws SystemError when a rank cannot be reached any more.
  virtual void wait() = 0;
};

/// Sums on one GPU a rank, see nccl.h.
class GpuSums {
 public:
  virtual ~GpuSums() = default;
  virtual std::unique_ptr<Work> start_sum(const torch::Tensor& from, const torch::Tensor& to) = 0;
};

/// How far a rank is, for whoever watches over the job. Counts of collective operations.
struct CollectiveProgress {
  int64_t entered = 0, left = 0;
};

/// All ranks call the same operations in the same order. Not thread-safe, but one thread may start what another waits
/// for.
///
/// Sums of host memory run in a thread of their own, so that `start_sum` returns at once and what is computed meanwhile
/// overlaps with it. With one rank every operation is a copy, made at once (but see use_gpu).
class ProcessGroup {
 public:
  /// Meets the other ranks to learn their places. @param transport  null: a job of one.
  explicit ProcessGroup(std::unique_ptr<Transport> transport = nullptr);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  bool is_root() const { return rank_ == 0; }  ///< rank 0: the one that writes and speaks
  const HostLocation& location() const { return locations_[static_cast<size_t>(rank_)]; }
  const HostLocation& location(int64_t rank) const { return locations_.at(static_cast<size_t>(rank)); }
  std::string transport_name() const;

  /// "rank 3 on host gpu07".
  std::string name_of(int64_t rank) const;

  /// to = the sum of all ranks' `from`, the same bits everywhere. Both contiguous, of one size and type (float32,
  /// float64; on the CPU also int64), on the CPU or on the GPU of use_gpu; the same tensor, or memory that does not
  /// overlap. Both stay untouched by the caller until the work is waited for.
  std::unique_ptr<Work> start_sum(const torch::Tensor& from, const torch::Tensor& to);

  /// start_sum in place, and wait.
  void sum(const torch::Tensor& tensor);

  /// `tensor` of rank `root`, contiguous or not, on all ranks.
  void broadcast(const torch::Tensor& tensor, int64_t root = 0);
  std::string broadcast(const std::string& text, int64_t root = 0);

  std::vector<std::string> gather(const std::string& mine);
  void barrier() { gather({}); }

  /// Rows of all ranks, one rank's behind another's. @param rows  [N of this rank, ...], of one type and shape of row;
  /// on the CPU.
  torch::Tensor gather_rows(const torch::Tensor& rows);

  /// @throws CommonError naming the ranks when `value` is not the same on all. @param what  "source items".
  void require_same(const std::string& what, const std::string& value);

  /// Whether sums of tensors on `device` take a way out of this process. Of one rank only through use_gpu.
  bool sends(torch::Device device) const { return size_ > 1 || (!device.is_cpu() && gpu_); }

  /// From here on tensors on the GPU are summed by `sums`, those of one rank, too.
  void use_gpu(std::unique_ptr<GpuSums> sums) { gpu_ = std::move(sums); }

  /// Counts work in which all ranks take part and that runs by itself, as iterations on GPUs do, for `progress`.
  void note_begun() { ++entered_; }
  void note_done() { ++left_; }

  /// May be called from any thread.
  CollectiveProgress progress() const { return {entered_.load(), left_.load()}; }

  /// See Transport::set_patience.
  void set_patience(double seconds) {
    if (transport_) transport_->set_patience(seconds);
  }

  /// An orderly end, by the thread that made this: all ranks come here. Nothing may be called afterwards.
  void close();

 private:
  class Engine;

  void run(const std::function<void()>& operation);

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<GpuSums> gpu_;
  int64_t rank_ = 0, size_ = 1;
  std::vector<HostLocation> locations_;
  std::atomic<int64_t> entered_{0}, left_{0};
  std::unique_ptr<Engine> engine_;
};

/// The part of a batch that a rank has: items [begin, begin + length) of `whole`.
struct Slice {
  int64_t begin = 0, length = 0, whole = 0;
};

/// Equal shares. @throws Error naming train.batch when it cannot be divided.
/// @param may_change  whether the user may choose another batch, as a resumed run may not.
Slice slice_of_batch(int64_t batch, const ProcessGroup* group, bool may_change = true);

/// Ranges of nearly equal length, in order of rank, that cover [0, count).
Slice slice_of(int64_t count, const ProcessGroup* group);

}  // namespace monge::dist
