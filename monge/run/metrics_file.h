// metrics.jsonl: one JSON object per line, one line per outer iteration or evaluation.
#pragma once

#include <torch/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/log.h"
#include "monge/core/named_metrics.h"
#include "monge/run/event_file.h"
#include "monge/train/observer.h"

namespace monge::run {

/// The lines of metrics.jsonl that a resumed run keeps.
struct KeptLines {
  std::string lines;    ///< those up to the given iteration, each with its newline
  double seconds = 0;   ///< of the last of these lines
  int64_t damaged = 0;  ///< lines before its end that are no JSON object with a number "iteration"; they are dropped
  int64_t first_damaged = 0;  ///< the number of the first of them, from 1
};

/// The lines up to `iteration`.
/// @param jsonl  the content of metrics.jsonl, whose end a crash may have cut off or filled with zeros.
/// @param evaluated  false: without an evaluation after `iteration`, which will be made again.
KeptLines lines_until(int64_t iteration, const std::string& jsonl, bool evaluated = true);

/// Writes the metrics of training, and those passed to add(), to metrics.jsonl and to a TensorBoard event file, which
/// also gets the recipe, the settings, the verdicts and images. NaN is written as null. The keys are
///
///     training line    iteration, seconds (since this run's first start), loss_map, cost, potential_fake,
///                      loss_potential, gradient_map, gradient_potential, rate_map, rate_potential,
///                      noise_level (if above 0), skipped
///     evaluation line  iteration, seconds, eval: {...}, verdict, reaches_target (where it is known)
class MetricsFile : public train::Observer {
 public:
  explicit MetricsFile(std::filesystem::path folder);
  /// Flushes, so that the metrics of a failed run can be inspected.
  ~MetricsFile() override;

  /// Opens the files. Lines after `iteration` belong to steps that will be repeated, and so does the evaluation after
  /// it if it is due: they are dropped, and the event file makes TensorBoard drop those steps. Damaged records and
  /// lines are cut off or dropped with a warning in the trainer's log.
  void started(train::Trainer& trainer, int64_t iteration) override;
  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;
  /// Drops the lines of the iterations that will be repeated and adds a line {iteration, seconds, event: "rollback",
  /// message}.
  void rolled_back(train::Trainer& trainer, const std::string& message) override;
  /// Waits until the lines are on the disk: a run whose machine fails right after the save would resume without them.
  void saves_checkpoint(train::Trainer& trainer) override;
  void ended(train::Trainer& trainer, int64_t done, bool complete) override;

  /// Records how the run ended for TensorBoard, when all observers are done.
  void record_end(bool complete);

  /// Writes the line of an evaluation: its metrics, and whether the map reaches its target.
  /// @param verdict         in words, to follow "the map ".
  /// @param reaches_target  unset if unknown.
  void add(int64_t iteration, const NamedMetrics& metrics, const std::string& verdict,
           std::optional<bool> reaches_target);

  /// Adds an image to the event file.
  /// @param pixels  uint8 [H, W, 3].
  void add_image(int64_t iteration, const torch::Tensor& pixels);

  /// Writes pending lines. Those that the disk refuses are kept, and written when it takes them again: what informs
  /// about a training must not end it.
  void flush();

 private:
  double seconds() const;
  void make_durable();
  void record(const std::function<void()>& add);
  void warn(const std::string& what, const std::string& reason) const;

  std::filesystem::path folder_;
  LogSink log_ = silent();
  std::string pending_;
  bool torn_ = false;           ///< whether a piece of `pending_` was refused, and the file may end in a part of a line
  bool sync_failed_ = false;    ///< whether the disk did not confirm the newest lines
  bool events_failed_ = false;  ///< whether the newest event was refused
  std::unique_ptr<EventFile> events_;
  double seconds_before_ = 0;
  std::chrono::steady_clock::time_point began_, flushed_;
};

}  // namespace monge::run
