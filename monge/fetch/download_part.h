// The part of a download: the bytes received so far, and their origin.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "monge/core/unique_fd.h"

namespace monge::fetch {

/// The origin of the bytes of a part.
struct DownloadOrigin {
  std::string url;        ///< without credentials
  std::string validator;  ///< strong ETag, else Last-Modified, as the server sent it; empty if it sent none
};

/// DESTINATION.part, open for appending and locked against other processes, with its origin in DESTINATION.part.from.
class DownloadPart {
 public:
  /// Opens the existing part, or makes an empty one.
  /// @throws InputError when another process has it open; SystemError when it cannot be opened.
  explicit DownloadPart(const std::filesystem::path& destination);
  /// Removes an empty part; others are kept for the next call.
  ~DownloadPart();
  DownloadPart(const DownloadPart&) = delete;
  DownloadPart& operator=(const DownloadPart&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }
  const DownloadOrigin& origin() const { return origin_; }

  /// Empties the part and sets its origin.
  void restart(const DownloadOrigin& origin);

  /// @throws SystemError with the system's reason (disk full).
  void append(std::string_view bytes);

  /// Syncs the part and renames it to the destination.
  void publish();

  /// Removes the part and its origin.
  void discard();

 private:
  bool open_and_lock();
  [[noreturn]] void fail(const char* what) const;

  std::filesystem::path destination_, path_, origin_path_;
  UniqueFd fd_;
  int64_t size_ = 0;
  DownloadOrigin origin_;
};

}  // namespace monge::fetch
