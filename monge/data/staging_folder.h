// The folder in which a packed set is written. Not for other callers.
#pragma once

#include <filesystem>
#include <string>

#include "monge/core/file_lock.h"
#include "monge/core/log.h"

namespace monge::data {

/// DST.part, used by one process at a time. Its file .plan holds the manifest of inputs, that is, the images and
/// options of the set. It remains in the finished set, so that a repeated call recognises its work.
class StagingFolder {
 public:
  /// Makes the folder if it does not exist.
  /// @throws InputError when another process works there, or it is a link; SystemError.
  explicit StagingFolder(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }

  /// Whether a finished or unfinished set was made from these inputs.
  static bool has_inputs(const std::filesystem::path& folder, const std::string& inputs);

  /// Keeps the existing shards if they were made from the same inputs; else removes them and logs it.
  /// @throws InputError when the folder holds files that no packing made.
  void prepare(const std::string& inputs, const LogSink& log) const;

  /// Renames the folder, which holds a complete set, to the set's name. After a kill during the call, the call may be
  /// repeated.
  void publish(const std::filesystem::path& destination) const;

 private:
  std::filesystem::path folder_;
  FileLock lock_;
};

}  // namespace monge::data
