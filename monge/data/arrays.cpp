#include "monge/data/arrays.h"

#include <algorithm>
#include <array>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/csv.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// "row 3, column 2" of a table, "item 3, position [0, 5, 7]" of images.
std::string place(const torch::Tensor& array, int64_t flat) {
  std::vector<int64_t> at(static_cast<size_t>(array.dim()));
  for (int64_t d = array.dim() - 1; d >= 0; --d) {
    at[static_cast<size_t>(d)] = flat % array.size(d);
    flat /= array.size(d);
  }
  if (at.size() == 2) return text("row ", at[0], ", column ", at[1], " (counted from 0)");
  return text("item ", at[0], ", position ", torch::IntArrayRef(at).slice(1), " (counted from 0)");
}

void check_finite(const std::string& name, const torch::Tensor& given, const torch::Tensor& floats) {
  const auto bad = floats.isfinite().logical_not();
  const int64_t count = bad.sum().item<int64_t>();
  if (count == 0) return;
  const int64_t first = bad.flatten().to(torch::kUInt8).argmax().item<int64_t>();
  throw Error(Complaint{
      .what = text(count, " of its values are not finite numbers in float32, the first at ", place(floats, first)),
      .where = name,
      .value = text(given.flatten()[first].item<double>()),
      .allowed = "finite numbers",
      .fix = "drop or fill these rows first"});
}

}  // namespace

bool has_array_extension(const fs::path& path) {
  static constexpr std::array<std::string_view, 4> kExtensions = {".npy", ".csv", ".tsv", ".txt"};
  return std::count(kExtensions.begin(), kExtensions.end(), lower_extension(path)) > 0;
}

std::shared_ptr<const TensorSource> array_source(const std::string& name, const torch::Tensor& array) {
  require(!array.is_complex(), name,
          ": the values are complex numbers; real vectors [N, D] or images [N, C, H, W] are needed");
  require(array.dim() == 2 || array.dim() == 4, name,
          ": vectors [N, D] or images [N, C, H, W] are needed, got the shape ", array.sizes(),
          array.dim() == 1 ? "; reshape it to [N, 1]" : "; reshape it");
  require(array.numel() > 0, name, ": the array is empty, its shape is ", array.sizes());
  const bool images = array.dim() == 4;
  if (images) {
    require(array.size(1) == 1 || array.size(1) == 3, name, ": images are [N, C, H, W] with C = 1 or 3, got the shape ",
            array.sizes(), array.size(3) == 3 ? "; move the channels to the second place" : "");
    if (array.scalar_type() == torch::kUInt8) return std::make_shared<TensorSource>(name, array);
    require(array.is_floating_point(), name, ": images must be uint8 in 0..255 or floats in [-1, 1], got ",
            array.scalar_type());
  }
  const auto floats = array.to(torch::kFloat32);
  check_finite(name, array, floats);
  // Unclamped outputs of a map go a little beyond 1; bytes stored as floats go far beyond.
  constexpr double kFarOutside = 4;
  const double largest = images ? floats.abs().max().item<double>() : 0;
  require(largest <= kFarOutside, name, ": float images must be in [-1, 1], got a value of magnitude ", largest,
          "; store 0..255 as uint8, or scale by v / 127.5 - 1");
  require(!images || !io::looks_like_unit_range(floats), name,
          ": float images must be in [-1, 1], and these look as if they were in [0, 1]; store them as uint8 in 0..255, or "
          "scale by 2 v - 1");
  return std::make_shared<TensorSource>(name, floats);
}

std::shared_ptr<const TensorSource> open_array(const fs::path& path) {
  require(has_array_extension(path), path.string(), ": not an array; allowed are .npy, .csv, .tsv and .txt");
  return array_source(path.string(), lower_extension(path) == ".npy" ? io::read_npy(path) : io::read_csv(path));
}

}  // namespace monge::data
