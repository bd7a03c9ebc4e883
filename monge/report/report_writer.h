// Keeps the page of a run up to date while it trains.
#pragma once

#include <chrono>
#include <filesystem>

#include "monge/core/log.h"
#include "monge/train/observer.h"

namespace monge::report {

/// Rewrites RUN/report.html after an evaluation, at most as often as takes a fiftieth of the time. Attach it after the
/// observers that write metrics and images. A page that cannot be written (a full disk) is reported once and does not
/// end the training.
class ReportWriter : public train::Observer {
 public:
  ReportWriter(std::filesystem::path run, LogSink log) : run_(std::move(run)), log_(std::move(log)) {}

  /// Says that there is a new evaluation in metrics.jsonl.
  void evaluated() { due_ = true; }

  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;

  /// Writes the page of a training that has ended, after its summary.
  void write_last() { write(/*ended=*/true); }

 private:
  void write(bool ended);

  using Clock = std::chrono::steady_clock;

  std::filesystem::path run_;
  LogSink log_;
  bool due_ = false, failed_ = false;
  Clock::time_point next_{};  ///< before it, no page is written
};

}  // namespace monge::report
