// The kinds of rows of images, one file each, for open_image_collection to choose from. Not for other callers.
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

/// One kind of files that hold images. `place`, `help` and `accepted` are those of SourceKind.
struct ImageCollectionKind {
  std::string name;
  std::string help;
  std::string accepted = {};
  int place = 0;
  std::function<bool(const std::string& path)> matches;
  std::function<std::shared_ptr<const ImageCollection>(const std::string& path, const LogSink&)> open;
};

/// The kinds, in the order in which a path is shown to them; the first match counts.
const std::vector<ImageCollectionKind>& image_collection_kinds();

ImageCollectionKind image_parquet_kind();
/// Several archives in a row; images are named after their shard: "NAME-000/a.jpg".
ImageCollectionKind image_shards_kind();
ImageCollectionKind packed_set_kind();
/// Symbolic links to folders and files are followed, each real file once; the log is told of them, and of what is left
/// out.
ImageCollectionKind image_folder_kind();
ImageCollectionKind image_archive_kind();
ImageCollectionKind single_image_kind();

/// member_path of what must be there. @throws InputError as that, or where there is no such file or folder.
MemberPath existing_set(const std::string& path);

/// @throws InputError saying what images are called, and what may be meant, unless there are images.
void require_images_in(const std::string& set, const ImageCollection& images);

inline constexpr int64_t kParquetRoom = int64_t{512} << 20;

/// The rows of a column of Parquet files, in their order. Their names: the paths of Hugging Face's kind of column where
/// they are there and can be names, else "row-000017"; a path that stands in several rows becomes "row-000017/a.jpg";
/// of several files all are named after theirs, "NAME-000/a.jpg".
/// @param room  of the row groups that are held in memory, or the size of one where that is more; of all that are
/// opened with
///              kParquetRoom together. Reading takes as much again, or four times the size of one.
/// @param log   told how many rows have no path that can be a name; warned of row groups that are too large for their
/// use.
/// @throws InputError naming the file: damaged, encrypted, without rows, a column that is not there or that holds no
/// images, several
///         that could, a row group beyond 4 GiB. Builds without MONGE_PARQUET throw this alone, saying what to do.
std::shared_ptr<const ImageCollection> open_image_parquet(const ParquetPath& path, const LogSink& log,
                                                          int64_t room = kParquetRoom);

/// expand_shards, but all are there. @throws InputError naming the first that is not, with their number.
std::vector<std::filesystem::path> existing_shards(const std::string& pattern);

/// Size and time of a file, as a stamp; "" where there is none.
std::string file_stamp(const std::filesystem::path& path);

/// Whether any part of the name begins with a dot.
bool is_hidden(const std::filesystem::path& name);

}  // namespace monge::data
