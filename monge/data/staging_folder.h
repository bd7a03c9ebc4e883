// The folder in which a packed set is made. Not for other callers.
#pragma once

#include <filesystem>
#include <string>

#include "monge/core/file_lock.h"
#include "monge/core/log.h"

namespace monge::data {

/// DST.part, for one process at a time. Its file .plan says of which images and options the set is; it stays in the
/// set, so that a repeated call knows its work.
class StagingFolder {
 public:
  /// Makes the folder where there is none. @throws InputError when another process works there, or it is a link;
  /// SystemError.
  explicit StagingFolder(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }

  /// Whether a set, or what is begun of one, was made by this plan.
  static bool has_plan(const std::filesystem::path& folder, const std::string& plan);

  /// Keeps the shards that are there if they were made by the same plan, else throws all away, and tells the log.
  /// @throws InputError when things lie there that no packing made.
  void prepare(const std::string& plan, const LogSink& log) const;

  /// Gives the folder, in which a whole set lies, the set's name. After a kill within it, it may be done again.
  void publish(const std::filesystem::path& destination) const;

 private:
  std::filesystem::path folder_;
  FileLock lock_;
};

}  // namespace monge::data
