// Unpacks an archive in a thread of its own while another thread downloads it.
#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "monge/fetch/growing_file.h"
#include "monge/fetch/unpack.h"

namespace monge::fetch {

class UnpackWhileGrowing {
 public:
  /// @param part     the file that grows; see GrowingFile.
  /// @param staging  a folder that is made, and emptied whenever the file begins anew.
  /// @param shown    the archive's name in messages.
  UnpackWhileGrowing(const std::filesystem::path& part, const std::filesystem::path& staging, std::string shown,
                     const UnpackOptions& options);
  /// Ends the work wherever it is; `staging` stays.
  ~UnpackWhileGrowing();

  /// See GrowingFile::now_holds. @throws the SystemError with which unpacking failed: the disk is full.
  void now_holds(int64_t bytes);

  /// Waits for the rest.
  /// @return nothing where what was unpacked is not of a file with this hash, or its kind cannot be read so, or it is
  /// not
  ///         fit to be unpacked at all: the whole file will tell. `staging` is then of no use.
  /// @throws SystemError; UnpackStopped.
  std::optional<Unpacked> finish(const std::string& sha256);

 private:
  void work();

  GrowingFile file_;
  const std::filesystem::path staging_;
  const std::string shown_;
  const UnpackOptions options_;
  std::optional<Unpacked> unpacked_;
  std::string sha256_;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

}  // namespace monge::fetch
