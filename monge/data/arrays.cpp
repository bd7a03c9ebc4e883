#include "monge/data/arrays.h"

#include <algorithm>
#include <array>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/row_source.h"
#include "monge/data/spec.h"
#include "monge/data/tensor_source.h"
#include "monge/io/csv.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/npz.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

void check_finite(const std::string& name, const torch::Tensor& given, const torch::Tensor& floats) {
  const auto bad = floats.isfinite().logical_not();
  const int64_t count = bad.sum().item<int64_t>();
  if (count == 0) return;
  const int64_t first = bad.flatten().to(torch::kUInt8).argmax().item<int64_t>();
  throw Error(Complaint{
      .what = text(count, " of its values are not finite numbers in float32, the first at ", place_in(floats.sizes(), first)),
      .where = name,
      .value = text(given.flatten()[first].item<double>()),
      .allowed = "finite numbers",
      .fix = "drop or fill these rows first"});
}

/// Whether the array can be a source at all: rank, extents, type.
void check_kind(const std::string& name, const torch::Tensor& array) {
  require(!array.is_complex(), name,
          ": the values are complex numbers; real vectors [N, D] or images [N, C, H, W] are needed");
  require(array.dim() == 2 || array.dim() == 4, name,
          ": vectors [N, D] or images [N, C, H, W] are needed, got the shape ", array.sizes(),
          array.dim() == 1 ? "; reshape it to [N, 1]" : "; reshape it");
  require(array.numel() > 0, name, ": the array is empty, its shape is ", array.sizes());
  if (array.dim() == 2) return;
  require(array.size(1) == 1 || array.size(1) == 3, name, ": images are [N, C, H, W] with C = 1 or 3, got the shape ",
          array.sizes(), array.size(3) == 3 ? "; move the channels to the second place" : "");
  require(array.scalar_type() == torch::kUInt8 || array.is_floating_point(), name,
          ": images must be uint8 in 0..255 or floats in [-1, 1], got ", array.scalar_type());
}

/// Whether float images are in [-1, 1].
void check_range(const std::string& name, const torch::Tensor& floats) {
  // Unclamped outputs of a map go a little beyond 1; bytes stored as floats go far beyond.
  constexpr double kFarOutside = 4;
  const double largest = floats.abs().max().item<double>();
  require(largest <= kFarOutside, name, ": float images must be in [-1, 1], got a value of magnitude ", largest,
          "; store 0..255 as uint8, or scale by v / 127.5 - 1");
  require(!io::looks_like_unit_range(floats), name,
          ": float images must be in [-1, 1], and these look as if they were in [0, 1]; store them as uint8 in 0..255, or "
          "scale by 2 v - 1");
}

/// A file of which only what is drawn is read.
std::shared_ptr<const Source> mapped_source(const std::string& name, const torch::Tensor& array) {
  check_kind(name, array);
  auto source = std::make_shared<RowSource>(name, array);
  if (array.dim() == 4 && array.is_floating_point()) {
    constexpr int64_t kSeen = 64;
    const int64_t count = std::min(kSeen, array.size(0));
    std::vector<int64_t> spread;  // evenly: arrays are often in an order
    for (int64_t i = 0; i < count; ++i) spread.push_back(i * (array.size(0) / count));
    check_range(name, source->items(spread));
  }
  return source;
}

}  // namespace

bool has_array_extension(const fs::path& path) {
  static constexpr std::array<std::string_view, 5> kExtensions = {".npy", ".npz", ".csv", ".tsv", ".txt"};
  return std::count(kExtensions.begin(), kExtensions.end(), lower_extension(path)) > 0;
}

ArrayPath array_path(const std::string& line) {
  if (!Spec::is("npz", line)) return {line, ""};
  Spec spec(line);
  auto key = spec.word("key", "");
  spec.refuse_unknown();
  require(!spec.name().empty(), line, ": names no file; the form is npz:FILE.npz?key=NAME");
  require(lower_extension(spec.name()) == ".npz", line, ": ", spec.name(), " is no .npz file");
  return {spec.name(), std::move(key)};
}

std::shared_ptr<const Source> array_source(const std::string& name, const torch::Tensor& array) {
  check_kind(name, array);
  const bool images = array.dim() == 4;
  if (images && array.scalar_type() == torch::kUInt8) return std::make_shared<TensorSource>(name, array);
  const auto floats = array.to(torch::kFloat32);
  check_finite(name, array, floats);
  if (images) check_range(name, floats);
  const bool wide = !images && (array.scalar_type() == torch::kFloat64 || (!array.is_floating_point() && array.element_size() >= 4));
  return std::make_shared<TensorSource>(name, wide ? array.to(torch::kFloat64) : floats);
}

std::shared_ptr<const Source> open_array(const std::string& line) {
  const auto [file, key] = array_path(line);
  require(has_array_extension(file), line, ": not an array; allowed are .npy, .npz, .csv, .tsv and .txt");
  const auto extension = lower_extension(file);
  if (extension == ".npz") return array_source(line, io::read_npz(file, key));
  if (extension != ".npy") return array_source(line, io::read_csv(file));
  std::error_code ignored;
  const auto bytes = fs::is_regular_file(file, ignored) ? fs::file_size(file, ignored) : 0;
  if (!ignored && bytes >= kMapFrom) return mapped_source(line, io::map_npy(file));
  return array_source(line, io::read_npy(file));
}

}  // namespace monge::data
