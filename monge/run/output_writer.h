// Writes the outputs of a map, as the kind of data that its inputs were.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <functional>
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

/// The kind of data at a path, by the path alone. In this order:
///
///     folder   an existing folder, whatever its name
///     table    the extensions .npy, .npz, .csv, .tsv, .txt, .h5ad; or "npz:FILE?key=NAME"
///     archive  the extension of an archive, which "?member=" may follow
///     folder   Parquet
///     image    all else
///
/// @throws InputError as data::array_path.
DataKind kind_of(const std::string& path);

/// The kind of an opened source: vectors are a table, whatever the path.
DataKind kind_of(const std::string& path, const data::Source& source);

/// @throws InputError  unless `out` can hold the outputs for `in`; the message names what is allowed: another path than
///                     `in`; .npy, .csv, .tsv, .csv.gz or .tsv.gz for tables; .tar, .tar.gz, .tgz or .zip for archives;
///                     one of io::kImageExtensions for images.
void check_output(DataKind kind, const std::filesystem::path& in, const std::filesystem::path& out);

/// The name of output `sample` (from 0) of `samples_per_input` for an item. "a/smile.jpg" remains so for a single
/// output and becomes "a/smile_1.jpg" for the first of several; a name without the extension of an image gets ".png",
/// and "a/smile.svg" becomes "a/smile.png".
std::filesystem::path output_name(const std::filesystem::path& item, int64_t sample, int64_t samples_per_input);

/// The names of outputs inside their folder or archive, each given once.
class OutputNames {
 public:
  /// The output_name. If it was taken before (two entries of an archive may have one name), it gets "-2", "-3", ...
  std::filesystem::path take(const std::string& item, int64_t sample, int64_t samples_per_input);

 private:
  std::set<std::string> used_;
};

/// A function that calls its argument with each of several files.
using ForEachFile = std::function<void(const std::function<void(const std::filesystem::path&)>& use)>;

/// Checks which files the outputs of a map will replace; to be called before anything is written. For outputs in a
/// folder it checks each path, but only if the folder exists and is not empty.
/// @param in     the paths that the source is read from: files, or a folder whose files have the names of the items.
/// @param samples_per_input  outputs per item.
/// @param grid   another file that will be written; may be empty.
/// @return the number of files that the outputs will replace, without the grid.
/// @throws InputError  naming an output that is the same file as an input, by whatever links either is reached. An
///                     output that is itself a link to the input is refused too, although the input would survive.
int64_t check_replaced(DataKind kind, const std::filesystem::path& out, const std::vector<std::filesystem::path>& in,
                       const data::Source& source, int64_t samples_per_input, const std::filesystem::path& grid = {});

/// The same for outputs that the caller names.
int64_t check_replaced(const ForEachFile& for_each_output, const std::vector<std::filesystem::path>& in,
                       const data::Source& source, const std::filesystem::path& grid = {});

/// Writes the outputs item by item. Every file appears whole or not at all; archives and tables appear with finish().
class OutputWriter {
 public:
  /// Makes the folders that are needed.
  /// @param items   the number of items that will be added; only a table needs it.
  /// @param format  the format of a table.
  /// @throws InputError if the folders cannot be made or written to.
  OutputWriter(DataKind kind, std::filesystem::path out, int64_t items = 0, TableFormat format = {});

  /// Writes the outputs of one item.
  /// @param item          the item's name, see data::Source::item_name. The second item of a name gets "-2".
  /// @param outputs_KCHW    [K, C, H, W] in [-1, 1], C = 1 or 3, or [K, D] for tables.
  /// @param sixteen_bits  if set, images are written in 16 bits, scaled to this range, if their format can hold them;
  ///                      otherwise in 8 bits.
  /// @throws InputError if the format cannot hold them; SystemError if writing fails.
  void add(const std::string& item, const torch::Tensor& outputs_KCHW,
           const std::optional<io::SampleRange>& sixteen_bits = {});

  /// Writes one of the outputs of an item, [C, H, W], which are given in order. Not for tables.
  void add_sample(const std::string& item, int64_t sample, int64_t samples_per_input, const torch::Tensor& output_CHW,
                  const std::optional<io::SampleRange>& sixteen_bits = {});

  /// Takes the names of an item, as add() would, without writing: another process writes them to the same folder.
  void leave_out(const std::string& item, int64_t samples_per_input);

  /// Completes an archive or a table. A table is [N, ...] for one output per item and [N, K, ...] for several; a text
  /// has N * K rows.
  /// @throws InputError if a table got another number of items than announced.
  void finish();

 private:
  DataKind kind_;
  std::filesystem::path out_;
  OutputNames names_;
  std::unique_ptr<TableWriter> table_;
  std::unique_ptr<io::ArchiveWriter> archive_;
};

}  // namespace monge::run
