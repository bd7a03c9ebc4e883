// Follows a text file that another process appends to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace monge {

/// Gives the lines of a file as they become whole. A file that does not exist yet is empty. If it is replaced or cut (a
/// run that is resumed drops lines), it is read anew from its start.
class FileTail {
 public:
  explicit FileTail(std::filesystem::path path) : path_(std::move(path)) {}

  struct News {
    std::vector<std::string> lines;  ///< without their line feeds
    bool anew = false;               ///< whether these begin at the start of the file again
  };

  /// The lines since the last call. What cannot be read now comes with a later call.
  News poll();

 private:
  std::filesystem::path path_;
  uint64_t inode_ = 0;
  int64_t read_ = 0;  ///< bytes whose lines were given or stand in `rest_`
  std::string rest_;  ///< the beginning of a line
};

}  // namespace monge
