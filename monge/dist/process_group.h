// The process group: the ranks of a job, and the collective operations that training needs.
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

/// An error that every rank of a job throws with the same message, so that the message need not name a rank.
class CommonError : public InputError {
 public:
  using InputError::InputError;
};

/// Where a rank runs.
struct HostLocation {
  std::string host;
  int64_t process = 0;     ///< process id on that host
  int64_t local_rank = 0;  ///< number among the ranks of that host
  int64_t local_size = 1;  ///< ranks on that host
};

/// A sum under way. Destroying it neither cancels nor waits for the sum; the sum keeps its tensors alive.
class Work {
 public:
  virtual ~Work() = default;
  /// On return `to` may be used: by the host, or on a GPU by whatever is submitted to the current stream from now on.
  /// @throws SystemError when a rank cannot be reached any more.
  virtual void wait() = 0;
};

/// Sums over ranks with one GPU each, see nccl.h.
class GpuSums {
 public:
  virtual ~GpuSums() = default;
  virtual std::unique_ptr<Work> start_sum(const torch::Tensor& from, const torch::Tensor& to) = 0;
};

/// Counts of collective operations: how far a rank has come. The failure detector compares them.
struct CollectiveProgress {
  int64_t entered = 0, left = 0;
};

/// All ranks call the same operations in the same order. Not thread-safe, but one thread may start a sum that another
/// thread waits for.
///
/// A group of one rank has no thread and no connection. Its operations copy at once or do nothing, so code that works
/// on several ranks needs no branch for one rank (but see use_gpu).
///
/// A group of several ranks sums host memory in a thread of its own: `start_sum` returns at once, and the caller's
/// computation overlaps with the sum.
///
/// Objects that are constructed with a `ProcessGroup&` keep the reference, so the group must outlive them.
class ProcessGroup {
 public:
  /// Meets the other ranks to learn their locations.
  /// @param transport  null for a group of one rank.
  /// @param launched   see launched(); a group with a transport always is.
  explicit ProcessGroup(std::unique_ptr<Transport> transport = nullptr, bool launched = false);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// The group of a process that runs alone: one rank, shared by the whole process, never closed. The default of every
  /// function that takes a group. Any thread may use it.
  static ProcessGroup& single();

  int64_t rank() const { return rank_; }
  int64_t size() const { return size_; }
  bool is_root() const { return rank_ == 0; }  ///< rank 0, which alone writes files and messages
  const HostLocation& location() const { return locations_[static_cast<size_t>(rank_)]; }
  const HostLocation& location(int64_t rank) const { return locations_.at(static_cast<size_t>(rank)); }
  std::string transport_name() const;  ///< "MPI", "TCP"; "none" for one rank without a transport

  /// Whether a launcher started this process as a rank, even as the only one. Only monge/session and
  /// monge/cli depend on it, as follows, because a launcher expects it of a process:
  ///   - the GPU is that of the local rank, and the threads are those of the cores that the launcher gave to this
  ///     process;
  ///   - SIGUSR1 stops it like SIGTERM, a repeated signal within 3 s is ignored, and its messages say so;
  ///   - how to resume is reported together with a failure of the job;
  ///   - the paths of a recipe are made absolute when it is read, because it is sent to all ranks;
  ///   - a resumed run uses the launcher's cores instead of the number of threads that it saved.
  bool launched() const { return launched_; }

  /// "rank 3 on host gpu07".
  std::string name_of(int64_t rank) const;

  /// to = the sum of all ranks' `from`, with the same bits on every rank. Both are contiguous, of one size and type
  /// (float32, float64; on the CPU also int64), on the CPU or on the GPU of use_gpu; they are the same tensor or do not
  /// overlap. The caller must not touch them until it has waited for the work.
  std::unique_ptr<Work> start_sum(const torch::Tensor& from, const torch::Tensor& to);

  /// start_sum in place, then wait.
  void sum(const torch::Tensor& tensor);

  /// Copies `tensor` of rank `root`, contiguous or not, to all ranks.
  void broadcast(const torch::Tensor& tensor, int64_t root = 0);
  /// @return the text of rank `root`.
  std::string broadcast(const std::string& text, int64_t root = 0);

  /// @return the texts of all ranks, in order of rank.
  std::vector<std::string> gather(const std::string& mine);
  void barrier() { gather({}); }

  /// Concatenates the rows of all ranks in order of rank.
  /// @param rows  [N of this rank, ...], of one type and row shape on all ranks; on the CPU.
  torch::Tensor gather_rows(const torch::Tensor& rows);

  /// @param what  names the value in the message, for example "source.path".
  /// @throws CommonError naming the ranks unless `value` is the same on all.
  void require_same(const std::string& what, const std::string& value);

  /// Whether sums of tensors on `device` leave this process: with several ranks, or through use_gpu.
  bool sends(torch::Device device) const { return size_ > 1 || (!device.is_cpu() && gpu_); }

  /// From now on `sums` adds the tensors on the GPU, even those of a single rank. Not for single().
  void use_gpu(std::unique_ptr<GpuSums> sums);

  /// Count an asynchronous operation in which all ranks take part, such as an iteration on a GPU, for `progress`.
  void note_begun() { ++entered_; }
  void note_done() { ++left_; }

  /// May be called from any thread.
  CollectiveProgress progress() const { return {entered_.load(), left_.load()}; }

  /// See Transport::set_timeout.
  void set_timeout(double seconds) {
    if (transport_) transport_->set_timeout(seconds);
  }

  /// The orderly end. All ranks call it, from the thread that constructed the group. No operation may follow.
  void close();

 private:
  class Engine;

  void run(const std::function<void()>& operation);

  std::unique_ptr<Transport> transport_;
  std::unique_ptr<GpuSums> gpu_;
  bool launched_;
  int64_t rank_ = 0, size_ = 1;
  std::vector<HostLocation> locations_;
  std::atomic<int64_t> entered_{0}, left_{0};
  std::unique_ptr<Engine> engine_;
};

/// A rank's part of `whole` items: [begin, begin + length).
struct Slice {
  int64_t begin = 0, length = 0, whole = 0;
};

/// Divides a batch into equal slices. @throws InputError naming train.batch if it cannot be divided equally.
/// @param may_change  whether the user may choose another batch; not in a resumed run.
Slice slice_of_batch(int64_t batch, const ProcessGroup& group, bool may_change = true);

/// Divides [0, count) into slices of nearly equal length, in order of rank.
Slice slice_of(int64_t count, const ProcessGroup& group);

}  // namespace monge::dist
