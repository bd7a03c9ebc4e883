// Follows a text file that another process appends to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace monge {

/// Gives the lines of a file as they become whole. A file that does not exist yet is empty. If it is replaced or cut (a
/// run that is resumed drops lines), it is read anew from its start.
class FileTail {
 public:
  /// @param first  bytes: of a longer file the first call gives only the whole lines in its last `first` bytes.
  explicit FileTail(std::filesystem::path path, int64_t first = std::numeric_limits<int64_t>::max())
      : path_(std::move(path)), first_(first) {}

  struct News {
    std::vector<std::string> lines;  ///< without their line feeds
    bool anew = false;               ///< whether these begin at the start of the file again
  };

  /// The lines since the last call. What cannot be read now comes with a later call.
  News poll();

 private:
  std::filesystem::path path_;
  int64_t first_;
  bool skips_ = false;  ///< whether the next line began before the bytes that are read
  uint64_t inode_ = 0;
  int64_t read_ = 0;  ///< bytes whose lines were given or stand in `rest_`
  std::string rest_;  ///< the beginning of a line
};

}  // namespace monge
