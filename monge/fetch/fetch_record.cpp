#include "monge/fetch/fetch_record.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/fetch/unpack.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string now() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char out[32];
  std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out;
}

ordered_json json_of(const FetchedFile& file) {
  return {{"url", file.url},
          {"file", file.file},
          {"sha256", file.sha256},
          {"bytes", file.bytes},
          {"unpacked", file.unpacked},
          {"kept", file.kept},
          {"strip", file.strip},
          {"entries", file.entries},
          {"unpacked_bytes", file.unpacked_bytes},
          {"left_out", file.left_out},
          {"duplicates", file.duplicates},
          {"holds", file.holds},
          {"date", file.date}};
}

FetchedFile file_of(const ordered_json& json) {
  FetchedFile out;
  const auto take = [&](const char* key, auto& value) { json.at(key).get_to(value); };
  take("url", out.url), take("file", out.file), take("sha256", out.sha256), take("bytes", out.bytes);
  take("unpacked", out.unpacked), take("kept", out.kept), take("strip", out.strip), take("entries", out.entries);
  take("unpacked_bytes", out.unpacked_bytes), take("left_out", out.left_out), take("duplicates", out.duplicates);
  take("holds", out.holds), take("date", out.date);
  return out;
}

}  // namespace

FetchRecord::FetchRecord(const fs::path& folder) : path_(folder / (std::string(kFetchMark) + ".json")) {
  std::error_code ignored;
  if (!fs::exists(fs::symlink_status(path_, ignored))) return;
  const auto bytes = real_files().read(path_);
  try {
    const auto json = ordered_json::parse(bytes);
    if (json.at("format") != kFormat) throw InputError("");
    for (const auto& file : json.at("fetched")) files_.push_back(file_of(file));
  } catch (const std::exception&) {
    throw InputError({.what = "is not a record of fetched files, or has another version",
                      .where = path_.string(),
                      .fix = "remove it; the files in the folder are kept and compared with those fetched next"});
  }
}

const FetchedFile* FetchRecord::find(const std::string& url, const std::string& file) const {
  const auto found =
      std::find_if(files_.begin(), files_.end(), [&](const auto& one) { return one.url == url && one.file == file; });
  return found == files_.end() ? nullptr : &*found;
}

void FetchRecord::put(FetchedFile file) {
  file.date = now();
  std::erase_if(files_, [&](const auto& one) { return one.url == file.url && one.file == file.file; });
  files_.push_back(std::move(file));
  ordered_json list = ordered_json::array();
  for (const auto& one : files_) list.push_back(json_of(one));
  const ordered_json json{{"format", kFormat}, {"fetched", list}};
  real_files().replace(path_, json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + '\n');
}

}  // namespace monge::fetch
