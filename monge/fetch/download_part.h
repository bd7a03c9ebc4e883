// The part of a download: what has come so far, and where it came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "monge/core/unique_fd.h"

namespace monge::fetch {

/// Where the bytes of a part came from.
struct DownloadOrigin {
  std::string url;        ///< without credentials
  std::string validator;  ///< strong ETag, else Last-Modified, as the server wrote it; empty: it gave none
};

/// DESTINATION.part, open for appending and locked against other processes, with its origin in DESTINATION.part.from.
class DownloadPart {
 public:
  /// Opens the part that is there, or makes an empty one.
  /// @throws InputError when another process has it; SystemError when it cannot be opened.
  explicit DownloadPart(const std::filesystem::path& destination);
  /// Removes the part when it is empty; else it stays for the next call.
  ~DownloadPart();
  DownloadPart(const DownloadPart&) = delete;
  DownloadPart& operator=(const DownloadPart&) = delete;

  const std::filesystem::path& path() const { return path_; }
  int64_t size() const { return size_; }
  const DownloadOrigin& origin() const { return origin_; }

  /// Empties the part, which will now be of `origin`.
  void restart(const DownloadOrigin& origin);

  /// @throws SystemError with the system's reason (disk full).
  void append(std::string_view bytes);

  /// Waits for the disk and gives the file its name.
  void publish();

  /// Removes part and origin.
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
