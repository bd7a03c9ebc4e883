// Follows runs while they train, and tells clients what is new.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "monge/serve/event_stream.h"

namespace monge::serve {

/// One thread looks at the files of all runs that are followed. The events of a stream are
///
///     metrics   lines of metrics.jsonl, first the last 3,000, then those that are new
///     log       lines of log.txt without the folders of the machine, first the last 100
///     sample    the iteration of a new sample image, first of the newest one
///     state     run_state as JSON, first and when it changes
///     reset     metrics.jsonl has become shorter: the run was resumed from an earlier step. Forget all metrics; the
///               last 3,000 follow
///
/// The id of an event is METRICS-LOG-SAMPLE: the offsets in the two files and the iteration. A client that comes back
/// with it as Last-Event-ID gets what it has missed. A comment every 15 s keeps the connection.
class RunEvents {
 public:
  RunEvents();
  /// Closes all streams.
  ~RunEvents();
  RunEvents(const RunEvents&) = delete;
  RunEvents& operator=(const RunEvents&) = delete;

  /// @param folder  of the run.  @param last_event_id  of the client; any text: one that is no id is ignored.
  std::shared_ptr<EventStream> follow(const std::filesystem::path& folder, const std::string& last_event_id);

 private:
  struct Follower;
  void watch();
  static void look(Follower& follower, bool state_too);

  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<Follower>> followers_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace monge::serve
