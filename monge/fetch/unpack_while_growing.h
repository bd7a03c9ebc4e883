// Unpacks an archive in a separate thread while another thread downloads it.
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
  /// @param part  the file that grows; see GrowingFile.
  /// @param staging  a folder that is made, and emptied whenever the file is restarted.
  /// @param shown  the archive's name in messages.
  UnpackWhileGrowing(const std::filesystem::path& part, const std::filesystem::path& staging, std::string shown,
                     const UnpackOptions& options);
  /// Ends the work at any point; `staging` is kept.
  ~UnpackWhileGrowing();

  /// See GrowingFile::now_holds. @throws the SystemError with which unpacking failed, for example a full disk.
  void now_holds(int64_t bytes);

  /// Waits for the rest.
  /// @return nothing if the unpacked bytes are not those of a file with this hash, or its kind cannot be read in one
  ///     pass, or it cannot be unpacked at all; unpacking the complete file shows which. `staging` is then useless.
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
