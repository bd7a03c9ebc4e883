// The record of what was fetched into a folder: FOLDER/.monge-fetch.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace monge::fetch {

struct FetchedFile {
  std::string url;     ///< without credentials
  std::string file;    ///< the name under which it was fetched
  std::string sha256;  ///< of the fetched file
  int64_t bytes = 0;
  bool unpacked = false;
  bool kept = false;  ///< FOLDER/`file` exists: an archive that was kept, or a plain file
  int64_t strip = 0;
  int64_t entries = 0, unpacked_bytes = 0, left_out = 0, duplicates = 0;  ///< for an archive
  std::vector<std::string> holds = {};  ///< its names at the top of the folder, at most 100
  std::string date = {};                ///< time of the fetch, in UTC: "2026-08-01T12:00:00Z"
};

class FetchRecord {
 public:
  /// Reads the record if there is one. @throws InputError naming the file when it is no record.
  explicit FetchRecord(const std::filesystem::path& folder);

  /// The fetch of this address under this name, or null.
  const FetchedFile* find(const std::string& url, const std::string& file) const;

  /// Replaces an earlier fetch of the same address and name by `file`, sets its date, and saves the record durably.
  void put(FetchedFile file);

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::vector<FetchedFile> files_;
};

}  // namespace monge::fetch
