#include "monge/report/report_writer.h"

#include "monge/core/error.h"
#include "monge/report/page.h"

namespace monge::report {

void ReportWriter::iteration_done(train::Trainer&, int64_t, const solve::IterationMetrics&) {
  if (due_ && Clock::now() >= next_) write(/*ended=*/false);
}

void ReportWriter::write(bool ended) {
  constexpr int kLeastRatio = 50;  // of the time between two pages and the time to write one
  const auto began = Clock::now();
  due_ = false;
  try {
    auto run = read_run(run_);
    run.state = ended ? recorded_end(run) : RunState::running;  // this process holds the lock of the run
    write_report(run);
    failed_ = false;
  } catch (const std::exception& error) {  // a page about a training must not end it
    if (!failed_)
      log_(LogLevel::warning, text("the report was not written and the training continues: ", error.what()));
    failed_ = true;
  }
  next_ = Clock::now() + kLeastRatio * (Clock::now() - began);
}

}  // namespace monge::report
