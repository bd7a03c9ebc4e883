#include "monge/data/shard_record.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"

namespace monge::data {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

json json_of(const io::NoteCounts& n) {
  return {{"converted", n.converted},
          {"upright", n.upright},
          {"left_turned", n.left_turned},
          {"without_end", n.without_end},
          {"more_pages", n.more_pages},
          {"cropped", n.cropped},
          {"colour_dropped", n.colour_dropped},
          {"grey", n.grey},
          {"sixteen_bit", n.sixteen_bit},
          {"least", n.least},
          {"largest", n.largest}};
}

io::NoteCounts notes_of(const json& in) {
  io::NoteCounts out;
  out.converted = in.at("converted").get<io::ConversionCounts>();
  for (const auto& [key, field] : {std::pair{"upright", &out.upright},
                                   {"left_turned", &out.left_turned},
                                   {"without_end", &out.without_end},
                                   {"more_pages", &out.more_pages},
                                   {"cropped", &out.cropped},
                                   {"colour_dropped", &out.colour_dropped},
                                   {"grey", &out.grey},
                                   {"sixteen_bit", &out.sixteen_bit},
                                   {"least", &out.least},
                                   {"largest", &out.largest}}) {
    *field = in.at(key).get<int64_t>();
  }
  return out;
}

}  // namespace

fs::path shard_record_path(const fs::path& folder, int64_t shard) {
  char name[40];
  std::snprintf(name, sizeof name, "shard-%05lld.record", static_cast<long long>(shard));
  return folder / name;
}

void write_shard_record(const fs::path& path, const ShardRecord& record) {
  json out;
  // The names are bytes in CBOR, because names of files need not be UTF-8.
  out["names"] = json::binary({record.names.begin(), record.names.end()});
  out["file"] = {{"name", record.file.name},
                 {"count", record.file.count},
                 {"bytes", record.file.bytes},
                 {"xxh3", record.file.xxh3}};
  out["content"] = record.content;
  out["places"] = record.places;
  out["notes"] = json_of(record.notes);
  out["left_out"] = json::array();
  for (const auto& line : record.left_out) out["left_out"].push_back(json::binary({line.begin(), line.end()}));
  auto bytes = json::to_cbor(out);
  const std::string body(bytes.begin(), bytes.end());
  real_files().replace(path, content_hash(body) + body);
}

std::optional<ShardRecord> read_shard_record(const fs::path& path, bool check_content) {
  std::error_code failure;
  if (!fs::exists(path, failure)) return {};
  const auto all = real_files().read(path);
  constexpr size_t kHash = 16;
  if (all.size() < kHash || content_hash(std::string_view(all).substr(kHash)) != all.substr(0, kHash)) return {};
  ShardRecord out;
  try {
    const auto in = json::from_cbor(all.begin() + kHash, all.end());
    const auto text_of = [](const json& value) {
      const auto& bytes = value.get_binary();
      return std::string(bytes.begin(), bytes.end());
    };
    const auto& file = in.at("file");
    out.file = {file.at("name").get<std::string>(), file.at("count").get<int64_t>(), file.at("bytes").get<int64_t>(),
                file.at("xxh3").get<std::string>()};
    out.names = text_of(in.at("names"));
    out.content = in.at("content").get<std::vector<int64_t>>();
    out.places = in.at("places").get<std::vector<int64_t>>();
    out.notes = notes_of(in.at("notes"));
    for (const auto& line : in.at("left_out")) out.left_out.push_back(text_of(line));
  } catch (const json::exception&) {
    return {};  // written by another version, or forged
  }
  const auto count = static_cast<size_t>(out.file.count);
  const bool fits = out.file.count >= 0 && out.content.size() == count &&
                    (out.places.empty() || out.places.size() == 2 * count) &&
                    static_cast<size_t>(std::count(out.names.begin(), out.names.end(), '\n')) == count &&
                    out.file.name.empty() == (count == 0) && fs::path(out.file.name).filename() == out.file.name;
  if (!fits) return {};
  if (out.file.name.empty()) return out;
  const auto shard = path.parent_path() / out.file.name;
  const auto bytes = fs::file_size(shard, failure);
  if (failure || static_cast<int64_t>(bytes) != out.file.bytes) return {};
  // Reading a shard is fast compared with making it, and a damaged shard must not be published.
  if (check_content && content_hash(MappedFile(shard, MappedFile::Access::sequential).bytes()) != out.file.xxh3)
    return {};
  return out;
}

}  // namespace monge::data
