// metrics.jsonl: one JSON object a line, one line an outer iteration or an evaluation.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/figure.h"
#include "monge/run/event_file.h"
#include "monge/train/observer.h"

namespace monge::run {

/// What a resumed run keeps of metrics.jsonl.
struct KeptLines {
  std::string lines;          ///< of iterations up to the one that is asked for, each with its newline
  double seconds = 0;         ///< of the last of them
  int64_t damaged = 0;        ///< lines among them that are no JSON object with a number "iteration"; they are dropped
  int64_t first_damaged = 0;  ///< counted from 1
};

/// @param jsonl  the content of metrics.jsonl, whose end a crash may have cut off or filled with zeros.
KeptLines lines_until(int64_t iteration, const std::string& jsonl);

/// Writes the figures of training, and those handed to add(), to metrics.jsonl and to a TensorBoard event file.
/// Keys of a training line: iteration, seconds (since this run's first start), loss_map, cost, potential_fake,
/// loss_potential, gradient_map, gradient_potential, rate_map, rate_potential, skipped. Of an evaluation line:
/// iteration, eval: {...}. NaN is written as null.
class MetricsFile : public train::Observer {
 public:
  explicit MetricsFile(std::filesystem::path folder);
  /// Writes what is pending, so that the figures of a run that failed are there to be looked at.
  ~MetricsFile() override;

  /// Lines after `iteration` are of steps that will be made again; they are dropped, and TensorBoard is told to drop
  /// them, too. What a crash left damaged is cut off or dropped, and the trainer's log says so.
  void started(train::Trainer& trainer, int64_t iteration) override;
  bool looks_at_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& figures) override;
  void checkpoint_saved(train::Trainer& trainer, const std::filesystem::path& folder) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

  void add(int64_t iteration, const NamedFigures& figures);

  /// Writes what is pending.
  void flush();

 private:
  double seconds() const;

  std::filesystem::path folder_;
  std::string pending_;
  std::unique_ptr<EventFile> events_;
  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point began_, flushed_;
};

}  // namespace monge::run
