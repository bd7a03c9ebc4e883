// What was fetched into a folder: FOLDER/.monge-fetch.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace monge::fetch {

struct FetchedFile {
  std::string url;     ///< without credentials
  std::string file;    ///< the name under which it was fetched
  std::string sha256;  ///< of what was fetched
  int64_t bytes = 0;
  bool unpacked = false;
  bool kept = false;  ///< FOLDER/`file` is there: an archive that was kept, or a plain file
  int64_t strip = 0;
  int64_t entries = 0, unpacked_bytes = 0, left_out = 0, duplicates = 0;  ///< of an archive
  std::vector<std::string> holds = {};  ///< what it put at the top of the folder, at most 100 names
  std::string date = {};                ///< when, in UTC: "2026-08-01T12:00:00Z"
};

class FetchRecord {
 public:
  /// @throws InputError naming the file when it is there and no record.
  explicit FetchRecord(const std::filesystem::path& folder);

  /// Null when the address was not fetched under this name.
  const FetchedFile* find(const std::string& url, const std::string& file) const;

  /// Puts `file` in the place of an earlier fetch of its address and name, dates it, and saves the record durably.
  void put(FetchedFile file);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::vector<FetchedFile> files_;
};

}  // namespace monge::fetch
