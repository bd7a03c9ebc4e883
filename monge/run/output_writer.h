// Where the outputs of a map go: the kind of thing that came in comes out.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "monge/data/source.h"
#include "monge/io/archive.h"
#include "monge/io/sample_range.h"
#include "monge/run/table_writer.h"

namespace monge::run {

enum class DataKind { table, image, folder, archive };

/// By the path alone: a folder by what is there, whatever it is called; else a table by its extension (.npy, .npz,
/// .csv, .tsv, .txt) or as "npz:FILE?key=NAME", an archive by its extension, where "?member=" may follow; Parquet
/// becomes a folder, too; all else an image.
/// @throws InputError as data::array_path.
DataKind kind_of(const std::string& path);

/// The same when the source is open: vectors are a table, whatever the path.
DataKind kind_of(const std::string& path, const data::Source& source);

/// @throws InputError  unless `out` can take what a map makes of `in`, naming what is allowed: another name than `in`,
/// and
///                .npy, .csv, .tsv, .csv.gz, .tsv.gz for tables, .tar .tar.gz .tgz .zip for archives, one of
///                io::kImageExtensions for images.
void check_output(DataKind kind, const std::filesystem::path& in, const std::filesystem::path& out);

/// The name of draw `draw` (from 0) of `draws` for an item: "a/smile.jpg" stays, or becomes "a/smile_1.jpg" when there
/// are several; a name without the extension of an image gets ".png".
std::filesystem::path output_name(const std::filesystem::path& item, int64_t draw, int64_t draws);

/// The names of outputs inside their folder or archive, each given once.
class OutputNames {
 public:
  /// output_name, or where that was taken before (two entries of an archive may have one name) the same with "-2",
  /// "-3", ...
  std::filesystem::path take(const std::string& item, int64_t draw, int64_t draws);

 private:
  std::set<std::string> used_;
};

/// Looks at what stands where the outputs of a map will go; to be called before anything is written. The outputs of a
/// whole folder cost a look at each place, and only where the folder is there and holds something.
/// @param in     what the source is read from: files, or a folder whose files go by the names of the items.
/// @param draws  outputs an item.
/// @param grid   another file that will be written; may be empty.
/// @return how many files the outputs will replace, the grid not counted.
/// @throws InputError  naming a place of an output where the same file stands as an input, by whatever links either is
/// reached.
///                Where that is a link of its own the input would survive; which it is, is not looked into.
int64_t check_replaced(DataKind kind, const std::filesystem::path& out, const std::vector<std::filesystem::path>& in,
                       const data::Source& source, int64_t draws, const std::filesystem::path& grid = {});

/// Takes outputs item by item and leaves them where and as the user asked, writing as they come. Every file appears
/// whole or not at all; an archive and a table only with finish().
class OutputWriter {
 public:
  /// Makes the folders that are needed.
  /// @param items   that will be added; only a table must know.
  /// @param format  of a table.
  /// @throws InputError when they cannot be made or written to.
  OutputWriter(DataKind kind, std::filesystem::path out, int64_t items = 0, TableFormat format = {});

  /// @param item         its name, see data::Source::item_name. Of two items with one name the later gets "-2".
  /// @param draws_KCHW   the outputs of one item: [K, C, H, W] in [-1, 1], C = 1 or 3, or [K, D] for tables.
  /// @param sixteen_bits  write images in 16 bits where their format can hold them, scaled to this range; else in 8.
  /// @throws InputError when the format cannot hold them; SystemError when writing fails.
  void add(const std::string& item, const torch::Tensor& draws_KCHW,
           const std::optional<io::SampleRange>& sixteen_bits = {});

  /// Takes the name of an item that another process writes to the same folder, as `add` would.
  void leave_out(const std::string& item, int64_t draws);

  /// A table is [N, ...] for one draw an item and [N, K, ...] for several; a text has the N * K rows.
  /// @throws InputError when a table got another number of items than was said.
  void finish();

 private:
  DataKind kind_;
  std::filesystem::path out_;
  OutputNames names_;
  std::unique_ptr<TableWriter> table_;
  std::unique_ptr<io::ArchiveWriter> archive_;
};

}  // namespace monge::run
