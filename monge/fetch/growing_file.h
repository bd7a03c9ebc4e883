// A file that one thread reads while another appends to it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <mutex>

#include "monge/core/unique_fd.h"

namespace monge::fetch {

/// The writing thread announces the size, and the reading thread waits for it. One reader.
class GrowingFile {
 public:
  struct Restarted {};  ///< thrown to the reader: the file was restarted, and what was read is void
  struct Abandoned {};  ///< thrown to the reader: the rest is not needed

  /// @param path  opened when the first bytes are announced.
  /// @param stop  once true, reading ends as with abandon().
  explicit GrowingFile(std::filesystem::path path, const std::atomic<bool>* stop = nullptr)
      : path_(std::move(path)), stop_(stop) {}
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// Announces that the first `bytes` of the file can be read. If there are fewer than before, the file was restarted.
  /// @throws SystemError when it cannot be opened.
  void now_holds(int64_t bytes);
  /// Announces that the file is complete.
  void finish();
  void abandon();

  /// Waits for at least one byte. @return the number of bytes read; 0 at the end of the finished file.
  /// @throws Restarted, Abandoned; SystemError.
  size_t read(char* to, size_t room);
  /// Makes the next read start at the beginning.
  void rewind();

 private:
  const std::filesystem::path path_;
  const std::atomic<bool>* stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  UniqueFd fd_;
  int64_t size_ = 0, position_ = 0, beginnings_ = 0, seen_ = 0;
  bool finished_ = false, abandoned_ = false;
};

}  // namespace monge::fetch
