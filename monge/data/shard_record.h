// The record of a finished shard, with which a later call avoids doing it again. Not for other callers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monge/data/packed_set.h"
#include "monge/io/image.h"

namespace monge::data {

/// It is stored beside its shard as shard-NNNNN.record until the set is complete. It is written after the shard, so its
/// existence implies that of the shard.
struct ShardRecord {
  PackedManifest::File file;  ///< the shard; an empty name if none of its images can be used
  std::string names;          ///< lines of names.txt
  std::vector<int64_t> content;
  std::vector<int64_t> places;  ///< for encoded images: offset and bytes of each, in sequence
  std::vector<std::string> left_out;
  io::NoteCounts notes;
};

std::filesystem::path shard_record_path(const std::filesystem::path& folder, int64_t shard);

void write_shard_record(const std::filesystem::path& path, const ShardRecord& record);

/// Reads a record. Nothing if there is none, or if it does not match its shard.
/// @param check_content  also compare the shard with its hash, which reads the shard.
std::optional<ShardRecord> read_shard_record(const std::filesystem::path& path, bool check_content);

}  // namespace monge::data
