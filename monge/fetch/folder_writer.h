// Makes files and folders below one folder by untrusted names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/unique_fd.h"

namespace monge::fetch {

/// A new file. It is not durable until its file system is synced.
class NewFile {
 public:
  explicit NewFile(UniqueFd fd, std::string shown) : fd_(std::move(fd)), shown_(std::move(shown)) {}

  /// False if a file of this name exists already; then nothing can be appended.
  explicit operator bool() const { return static_cast<bool>(fd_); }

  /// @throws SystemError with the system's reason.
  void append(std::string_view bytes);

 private:
  UniqueFd fd_;
  std::string shown_;
};

/// Writes below one folder. Every part of a name is opened by itself and never through a symbolic link, so nothing is
/// made outside the folder, whatever the names are. Not thread-safe.
class FolderWriter {
 public:
  /// @param folder  an existing folder. @throws SystemError when it cannot be opened.
  explicit FolderWriter(const std::filesystem::path& folder);

  /// @param parts  the folders and last the file; none is empty, "." or ".." or contains a slash.
  /// @throws InputError when a file is where a folder is needed or the reverse; SystemError with the system's reason.
  NewFile make_file(const std::vector<std::string>& parts);

  /// As make_file; an existing folder is left as it is.
  void make_folder(const std::vector<std::string>& parts);

  /// Opens an existing file for reading. @throws SystemError.
  UniqueFd open_file(const std::vector<std::string>& parts);

  /// As open_file, but returns no descriptor if there is no such file. Makes nothing.
  UniqueFd find_file(const std::vector<std::string>& parts) const;

  /// Bytes that can still be written to its file system; -1: not known.
  int64_t free_bytes() const;

 private:
  int parent_of(const std::vector<std::string>& parts);
  UniqueFd enter(int parent, const std::string& name, const std::vector<std::string>& parts) const;

  UniqueFd root_;
  UniqueFd parent_;  // parent of the latest file, because the next one is usually beside it
  std::vector<std::string> parent_is_;
};

}  // namespace monge::fetch
