// Temporary files that are removed when a signal ends the process.
#pragma once

#include <filesystem>

namespace monge {

/// Remembers a temporary file while this object lives, so that remove_guarded_parts removes it. Make it before the file
/// and destroy it when the file is gone or has its final name.
///
/// There is room for 16 files at a time; others stay behind when a signal ends the process. Thread-safe.
class PartGuard {
 public:
  explicit PartGuard(const std::filesystem::path& part);
  ~PartGuard();
  PartGuard(const PartGuard&) = delete;
  PartGuard& operator=(const PartGuard&) = delete;

 private:
  int slot_ = -1;
};

/// Removes the files of all guards. For a handler of signals that ends the process: it is async-signal-safe.
void remove_guarded_parts() noexcept;

}  // namespace monge
