// What a packing knows of a shard that is done, so that a later call need not do it again. Not for other callers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monge/data/packed_set.h"
#include "monge/io/image.h"

namespace monge::data {

/// Lies beside its shard as shard-NNNNN.record until the set is whole; written last, so that where it is there the
/// shard is.
struct ShardRecord {
  PackedManifest::File file;  ///< the shard; an empty name where none of its images could be used
  std::string names;          ///< lines of names.txt
  std::vector<int64_t> content;
  std::vector<int64_t> places;  ///< of encoded images: offset and bytes, one after another
  std::vector<std::string> left_out;
  io::NoteCounts notes;
};

std::filesystem::path shard_record_path(const std::filesystem::path& folder, int64_t shard);

void write_shard_record(const std::filesystem::path& path, const ShardRecord& record);

/// Nothing where there is none, or it does not fit its shard.
/// @param check_content  compare the shard with its hash, which reads it.
std::optional<ShardRecord> read_shard_record(const std::filesystem::path& path, bool check_content);

}  // namespace monge::data
