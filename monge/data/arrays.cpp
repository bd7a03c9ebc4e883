#include "monge/data/arrays.h"

#include <algorithm>
#include <cstdio>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/data/cells.h"
#include "monge/data/member_path.h"
#include "monge/data/parquet_table.h"
#include "monge/data/row_source.h"
#include "monge/data/spec.h"
#include "monge/data/tensor_source.h"
#include "monge/io/column_choice.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/npz.h"
#include "monge/io/tensor_file.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// "row 3, column 2 (counted from 0)", and the column's name if it has one.
std::string place_of(torch::IntArrayRef shape, int64_t flat, const io::TableNames& names) {
  auto out = place_in(shape, flat);
  if (!names.columns.empty()) out += ", column " + shown(names.columns[static_cast<size_t>(flat % shape.back())]);
  return out;
}

/// @param given  float64, or float32 if that is the type of the file.
void check_finite(const std::string& name, const torch::Tensor& given, const torch::Tensor& floats,
                  const io::TableNames& names) {
  const auto bad = floats.isfinite().logical_not();
  const int64_t count = bad.sum().item<int64_t>();
  if (count == 0) return;
  const int64_t first = bad.flatten().to(torch::kUInt8).argmax().item<int64_t>();
  throw InputError({.what = text(count, " of its values are not finite numbers in float32, the first at ",
                                 place_of(floats.sizes(), first, names)),
                    .where = name,
                    .value = text(given.flatten()[first].item<double>()),
                    .allowed = "finite numbers",
                    .fix = "drop or fill these rows first"});
}

/// A sentence about the whole numbers that Float rounds; empty if there are none.
template <class Float, class Whole>
std::string rounded_values(const torch::Tensor& array, const char* type) {
  // Numbers beyond this limit may exceed the digits of Float. Multiples of a large enough power of two are still exact.
  const auto* value = array.const_data_ptr<Whole>();
  int64_t count = 0, first = 0;
  for (int64_t i = 0; i < array.numel(); ++i) {
    const auto rounded = static_cast<Float>(value[i]);
    // Compared as long double, which holds every whole number of 64 bits.
    if (static_cast<long double>(rounded) == static_cast<long double>(value[i])) continue;
    if (count++ == 0) first = i;
  }
  if (count == 0) return {};
  char rounded[32];
  std::snprintf(rounded, sizeof rounded, "%.0f", static_cast<double>(static_cast<Float>(value[first])));
  return text(count, " of its ", array.numel(), " values are whole numbers that ", type,
              " does not hold exactly, the first at ", place_in(array.sizes(), first), ": ", value[first], " becomes ",
              rounded);
}

template <class Whole>
void tell_what_is_lost(const std::string& name, const torch::Tensor& array, const LogSink& log) {
  if constexpr (sizeof(Whole) == 8) {
    if (const auto lost = rounded_values<double, Whole>(array, "float64"); !lost.empty())
      log(LogLevel::warning, name + ": " + lost);
  }
  if (const auto lost = rounded_values<float, Whole>(array, "float32"); !lost.empty()) {
    log(LogLevel::warning, name + ": " + lost + "; standardising and data check read them in float64");
  }
}

void tell_what_is_lost(const std::string& name, const torch::Tensor& array, const LogSink& log) {
  const auto plain = array.contiguous();
  switch (plain.scalar_type()) {
    case torch::kInt32:
      return tell_what_is_lost<int32_t>(name, plain, log);
    case torch::kUInt32:
      return tell_what_is_lost<uint32_t>(name, plain, log);
    case torch::kInt64:
      return tell_what_is_lost<int64_t>(name, plain, log);
    case torch::kUInt64:
      return tell_what_is_lost<uint64_t>(name, plain, log);
    default:
      return;
  }
}

/// Checks that the array can be a source at all: rank, extents, type.
void check_kind(const std::string& name, const torch::Tensor& array) {
  require(!array.is_complex(), name,
          ": the values are complex numbers; real vectors [N, D] or images [N, C, H, W] are needed");
  require(array.dim() == 2 || array.dim() == 4, name,
          ": vectors [N, D] or images [N, C, H, W] are needed, got the shape ", array.sizes(),
          array.dim() == 1 ? "; reshape it to [N, 1]" : "; reshape it");
  require(array.numel() > 0, name, ": the array is empty, its shape is ", array.sizes());
  if (array.dim() == 2) return;
  require(array.size(1) == 1 || array.size(1) == 3, name, ": images are [N, C, H, W] with C = 1 or 3, got the shape ",
          array.sizes(), array.size(3) == 3 ? "; move the channels to dimension 1" : "");
  require(array.scalar_type() == torch::kUInt8 || array.is_floating_point(), name,
          ": images must be uint8 in 0..255 or floats in [-1, 1], got ", io::type_name(array.scalar_type()));
}

/// Checks that float images are in [-1, 1].
void check_range(const std::string& name, const torch::Tensor& floats) {
  // Unclamped outputs of a map exceed 1 slightly; bytes stored as floats exceed it by far.
  constexpr double kFarOutside = 4;
  const double largest = floats.abs().max().item<double>();
  require(largest <= kFarOutside, name, ": float images must be in [-1, 1], got a value of magnitude ", largest,
          "; store 0..255 as uint8, or scale by v / 127.5 - 1");
  require(
      !io::looks_like_unit_range(floats), name,
      ": float images must be in [-1, 1], and these look as if they were in [0, 1]; store them as uint8 in 0..255, or "
      "scale by 2 v - 1");
}

/// A source that reads from the file only what is drawn.
std::shared_ptr<const Source> mapped_source(const std::string& name, const torch::Tensor& array) {
  check_kind(name, array);
  auto source = std::make_shared<RowSource>(name, array);
  if (array.dim() == 4 && array.is_floating_point()) {
    constexpr int64_t kSeen = 64;
    const int64_t count = std::min(kSeen, array.size(0));
    std::vector<int64_t> spread;  // evenly spaced, because arrays are often sorted
    for (int64_t i = 0; i < count; ++i) spread.push_back(i * (array.size(0) / count));
    check_range(name, source->items(spread));
  }
  return source;
}

/// Whether float32 changed any value. Both contiguous.
bool differ(const torch::Tensor& floats, const torch::Tensor& doubles) {
  const auto* single = floats.const_data_ptr<float>();
  const auto* exact = doubles.const_data_ptr<double>();
  return !std::equal(exact, exact + doubles.numel(), single,
                     [](double a, float b) { return a == static_cast<double>(b); });
}

/// The chosen columns of vectors.
torch::Tensor chosen(const torch::Tensor& array, const std::string& columns, const std::string& name) {
  if (columns.empty()) return array;
  require(array.dim() == 2, name, ": columns can only be chosen from tables [N, D], got the shape ", array.sizes());
  const auto numbers = io::choose_columns(columns, {}, array.size(1), name);
  // These types have few operators, so they are converted to float64.
  const bool few = array.scalar_type() == torch::kUInt16 || array.scalar_type() == torch::kUInt32 ||
                   array.scalar_type() == torch::kUInt64;
  return (few ? array.to(torch::kFloat64) : array).index_select(1, torch::tensor(numbers, torch::kInt64));
}

}  // namespace

std::shared_ptr<const Source> table_source(const std::string& name, io::Table table, const LogSink& log) {
  const auto& array = table.values;
  check_kind(name, array);
  const bool images = array.dim() == 4;
  if (images && array.scalar_type() == torch::kUInt8) return std::make_shared<TensorSource>(name, array);
  TableMetadata facts{
      .exact = {}, .names = std::move(table.names), .reading = std::move(table.reading), .type = torch::kFloat32};
  const auto floats = array.to(torch::kFloat32);
  const bool narrow = array.element_size() <= 2 || array.scalar_type() == torch::kFloat32;
  facts.type = narrow ? torch::kFloat32 : torch::kFloat64;
  const auto doubles = narrow ? floats : array.to(torch::kFloat64);
  check_finite(name, doubles, floats, facts.names);
  if (images) check_range(name, floats);
  for (const auto& warning : table.warnings) log(LogLevel::warning, name + ": " + warning);
  if (!images && !array.is_floating_point()) tell_what_is_lost(name, array, log);
  if (!images && !narrow && differ(floats.contiguous(), doubles.contiguous())) facts.exact = doubles.contiguous();
  return std::make_shared<TensorSource>(name, floats, std::vector<std::string>(), std::move(facts));
}

std::shared_ptr<const Source> array_source(const std::string& name, const torch::Tensor& array, const LogSink& log) {
  return table_source(name, {.values = array, .names = {}, .reading = {}}, log);
}

std::string lost_in_float64(const torch::Tensor& array) {
  if (array.scalar_type() == torch::kInt64) return rounded_values<double, int64_t>(array.contiguous(), "float64");
  if (array.scalar_type() == torch::kUInt64) return rounded_values<double, uint64_t>(array.contiguous(), "float64");
  return {};
}

io::Table read_table(const std::string& line, io::TextTableOptions::Missing missing) {
  if (const auto parquet = parquet_path(line)) return read_parquet_table(*parquet, missing);
  auto path = array_path(line);
  require(has_array_extension(path.file), line, ": not an array; allowed are .npy, .npz, .csv, .tsv, .txt and .h5ad");
  const auto extension = array_extension(path.file);
  if (extension == ".h5ad") return read_cells(line, missing).table;
  if (extension == ".csv") {
    if (path.table.missing == io::TextTableOptions::Missing::refuse) path.table.missing = missing;
    return io::read_text_table(path.file, path.table);
  }
  std::error_code ignored;
  const bool large =
      fs::is_regular_file(path.file, ignored) && fs::file_size(path.file, ignored) >= kMapFrom && !ignored;
  const auto array = extension == ".npz" ? io::read_npz(path.file, path.key)
                     : large             ? io::map_npy(path.file)
                                         : io::read_npy(path.file);
  io::Table out{.values = chosen(array, path.table.columns, line), .names = {}, .reading = {}};
  require_whole_mapping(array.const_data_ptr());
  return out;
}

std::shared_ptr<const Source> open_array(const std::string& line, const LogSink& log) {
  const auto path = array_path(line);
  std::error_code ignored;
  const bool mappable =
      array_extension(path.file) == ".npy" && path.table.columns.empty() && fs::is_regular_file(path.file, ignored);
  const auto bytes = mappable ? fs::file_size(path.file, ignored) : 0;
  if (!ignored && bytes >= kMapFrom) return mapped_source(line, io::map_npy(path.file));
  return table_source(line, read_table(line, io::TextTableOptions::Missing::refuse), log);
}

namespace {

/// array_extension of the file that `path` names; "" if it does not exist. The type of a path takes precedence over its
/// name: a folder "my.csv" is a folder of images, whatever parameters follow.
std::string kind_of_file(const std::string& path) {
  std::error_code ignored;
  const auto is_folder = [&](const fs::path& it) { return fs::is_directory(it, ignored); };
  if (is_folder(path) || is_folder(member_path(path).set)) return {};
  const auto file = array_path(path).file;
  return has_array_extension(file) && fs::exists(file, ignored) && !is_folder(file) ? array_extension(file) : "";
}

SourceKind file_kind(const std::string& name, int place, const std::string& extension, const std::string& help,
                     const std::string& accepted) {
  return {.name = name,
          .help = help,
          .accepted = accepted,
          .place = place,
          .matches = [extension](const std::string& path) { return kind_of_file(path) == extension; },
          .open = [](const SourceOptions& options, const LogSink& log,
                     const ProgressCallback&) { return open_array(options.path, log); }};
}

}  // namespace

std::vector<SourceKind> array_kinds() {
  auto by_key = file_kind("array of a .npz file", 100, ".npz", "npz:FILE?key=NAME", "");
  by_key.matches = [](const std::string& path) { return Spec::is("npz", path) && kind_of_file(path) == ".npz"; };
  auto parquet = file_kind("table in Parquet", 40, "", "", "");
  parquet.matches = [](const std::string& path) {
    const auto named = parquet_path(path);
    return named && holds_parquet_table(*named);
  };
  return {by_key,
          file_kind("array", 70, ".npy", ".npy", ".npy"),
          file_kind("arrays", 80, ".npz", ".npz", ".npz or npz:FILE?key=NAME"),
          file_kind("table of text", 90, ".csv", ".csv, FILE.csv?columns=a,b&index=NAME", ".csv .tsv .txt"),
          file_kind("table of single cells", 95, ".h5ad", "FILE.h5ad?obsm=X_pca&where=COLUMN=VALUE", ".h5ad"),
          parquet};
}

}  // namespace monge::data
