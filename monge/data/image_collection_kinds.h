// The kinds of image collections, one file each, among which open_image_collection chooses. Not for other callers.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/data/image_collection.h"
#include "monge/data/member_path.h"
#include "monge/data/parquet_path.h"

namespace monge::data {

/// One kind of image collection. `place`, `help` and `accepted` are those of SourceKind.
struct ImageCollectionKind {
  std::string name;
  std::string help;
  std::string accepted = {};
  int place = 0;
  std::function<bool(const std::string& path)> matches;
  std::function<std::shared_ptr<const ImageCollection>(const std::string& path, const LogSink&)> open;
};

/// The kinds, in the order in which they are tried on a path. The first match counts.
const std::vector<ImageCollectionKind>& image_collection_kinds();

ImageCollectionKind image_parquet_kind();
/// Several archives in sequence. Images are named after their shard: "NAME-000/a.jpg".
ImageCollectionKind image_shards_kind();
ImageCollectionKind packed_set_kind();
/// Follows symbolic links to folders and files, each real file once. The log is informed of links, and of what is left
/// out.
ImageCollectionKind image_folder_kind();
ImageCollectionKind image_archive_kind();
ImageCollectionKind single_image_kind();

/// member_path(path), whose set must exist. @throws InputError as member_path, or when there is no such file or folder.
MemberPath existing_set(const std::string& path);

/// @throws InputError if `images` is empty, naming the extensions of images and what may have been meant.
void require_images_in(const std::string& set, const ImageCollection& images);

inline constexpr int64_t kParquetRoom = int64_t{512} << 20;

/// The rows of a column of Parquet files, in their order. An image's name is its path if the column is of Hugging
/// Face's kind and the path can be a name, else "row-000017". A path that several rows have becomes "row-000017/a.jpg".
/// If there are several files, names begin with the file's: "NAME-000/a.jpg".
/// @param room  bytes of memory for row groups, or the size of one row group if that is more; all collections opened
///              with kParquetRoom use it together. Reading takes as much again, or four times the size of one row
///              group.
/// @param log  is informed how many rows have no path that can be a name, and warned of row groups that are too large.
/// @throws InputError naming the file: damaged, encrypted, without rows, a column that does not exist or holds no
///     images, several possible columns, a row group beyond 4 GiB. Builds without MONGE_PARQUET always throw it, saying
///     what to do.
std::shared_ptr<const ImageCollection> open_image_parquet(const ParquetPath& path, const LogSink& log,
                                                          int64_t room = kParquetRoom);

/// expand_shards, with a check that all files exist. @throws InputError naming the first missing file, with their
/// number.
std::vector<std::filesystem::path> existing_shards(const std::string& pattern);

/// The size and time of a file, as a stamp; "" if it does not exist.
std::string file_stamp(const std::filesystem::path& path);

/// Whether any part of the name begins with a dot.
bool is_hidden(const std::filesystem::path& name);

}  // namespace monge::data
