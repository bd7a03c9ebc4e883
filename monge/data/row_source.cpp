#include "monge/data/row_source.h"

#include <ATen/Dispatch_v2.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <type_traits>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/io/tensor_file.h"

namespace monge::data {
namespace {

/// Whether a number is NaN or infinite in float32: its exponent is all ones.
bool is_bad(float number) { return (std::bit_cast<uint32_t>(number) & 0x7f800000u) == 0x7f800000u; }

/// Copies one row as float32 or float64. @return whether all its numbers are finite in float32.
template <class Number, class To>
bool copy_row(const Number* from, int64_t count, To* to) {
  uint32_t bad = 0;  // without branches, so that the compiler vectorises the loop
  for (int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<To>(from[i]);
    bad |= is_bad(static_cast<float>(from[i]));
  }
  return bad == 0;
}

template <class To>
int64_t first_not_finite(const To* row) {
  int64_t at = 0;
  while (!is_bad(static_cast<float>(row[at]))) ++at;
  return at;
}

/// Whether rows are read from the disk or from memory, measured by the time that the first rows took. Requesting the
/// whole batch at once lets a disk read many rows at a time, but costs more than the rows if they are in memory. It
/// affects the time, not the results.
class LatencyProbe {
 public:
  static constexpr size_t kRows = 32;  ///< number of rows to read before calling is_slow()
  bool is_slow() const { return std::chrono::steady_clock::now() - began_ > kRows * std::chrono::microseconds(5); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace

std::string place_in(torch::IntArrayRef shape, int64_t flat) {
  std::vector<int64_t> at(shape.size());
  for (size_t d = shape.size(); d-- > 0; flat /= shape[d]) at[d] = flat % shape[d];
  if (at.size() == 2) return text("row ", at[0], ", column ", at[1], " (counted from 0)");
  return text("item ", at[0], ", position ", torch::IntArrayRef(at).slice(1), " (counted from 0)");
}

RowSource::RowSource(std::string name, torch::Tensor rows) : name_(std::move(name)), rows_(std::move(rows)) {
  require(rows_.dim() >= 2 && rows_.numel() > 0, name_, ": one or more items [N, ...] are needed, got ", rows_.sizes());
  require(!rows_.is_complex() && rows_.is_contiguous() && rows_.device().is_cpu(), name_,
          ": items must be real, contiguous and on the CPU, got ", io::type_name(rows_.scalar_type()), " on ",
          rows_.device());
}

/// A mapping for random access is read page by page, which is slow for sequential reading. So consecutive items request
/// the next block when they enter a new one.
void RowSource::read_ahead_of_run(const std::vector<int64_t>& indices) const {
  constexpr int64_t kBlock = int64_t{4} << 20;
  if (indices.empty() || indices.back() - indices.front() != static_cast<int64_t>(indices.size()) - 1) return;
  if (!std::is_sorted(indices.begin(), indices.end())) return;
  const int64_t whole = static_cast<int64_t>(rows_.nbytes()), item = whole / size();
  const int64_t first = indices.front() * item / kBlock, next = (indices.back() + 1) * item / kBlock;
  if (indices.size() == 1 || (indices.front() > 0 && first == next)) return;
  const int64_t begin = first * kBlock, end = std::min(whole, (next + 2) * kBlock);
  read_ahead(static_cast<const char*>(rows_.const_data_ptr()) + begin, static_cast<size_t>(end - begin));
}

torch::Tensor RowSource::stored_items(const std::vector<int64_t>& indices) const {
  if (rows_.dim() != 4 || rows_.scalar_type() != torch::kUInt8) return copy_items<float>(indices);
  check(indices);
  read_ahead_of_run(indices);
  const int64_t count = rows_.numel() / size();
  auto shape = rows_.sizes().vec();
  shape[0] = static_cast<int64_t>(indices.size());
  auto out = torch::empty(shape, torch::kUInt8);
  auto* to = out.mutable_data_ptr<uint8_t>();
  const auto* from = rows_.const_data_ptr<uint8_t>();
  for (const int64_t index : indices) to = std::copy_n(from + index * count, count, to);
  require_whole_mapping(from);
  return out;
}

torch::Tensor RowSource::exact_items(const std::vector<int64_t>& indices) const {
  return rows_.dim() == 2 ? copy_items<double>(indices) : Source::exact_items(indices);
}

torch::ScalarType RowSource::number_type() const {
  return rows_.element_size() <= 2 || rows_.scalar_type() == torch::kFloat32 ? torch::kFloat32 : torch::kFloat64;
}

template <class To>
torch::Tensor RowSource::copy_items(const std::vector<int64_t>& indices) const {
  check(indices);
  read_ahead_of_run(indices);
  const int64_t count = rows_.numel() / size();
  auto shape = rows_.sizes().vec();
  shape[0] = static_cast<int64_t>(indices.size());
  auto out = torch::empty(shape, torch::CppTypeToScalarType<To>::value);
  auto* to = out.template mutable_data_ptr<To>();
  const auto copy = [&]<class scalar_t>(std::type_identity<scalar_t>) {
    const auto* from = rows_.template const_data_ptr<scalar_t>();
    const LatencyProbe probe;
    for (size_t i = 0; i < indices.size(); ++i) {
      const int64_t index = indices[i];
      const auto* row = from + index * count;
      if (i == LatencyProbe::kRows && probe.is_slow()) {
        for (size_t k = i; k < indices.size(); ++k) {
          read_ahead(from + indices[k] * count, static_cast<size_t>(count) * sizeof(scalar_t));
        }
      }
      if (!copy_row(row, count, to)) {
        require_whole_mapping(from);
        const int64_t at = first_not_finite(to);
        throw InputError(
            {.what = "a value is not a finite number in float32, at " + place_in(rows_.sizes(), index * count + at),
             .where = name_,
             .value = text(static_cast<double>(row[at])),
             .allowed = "finite numbers",
             .fix = "drop or fill such rows first"});
      }
      to += count;
    }
  };
  AT_DISPATCH_V2(rows_.scalar_type(), "RowSource", AT_WRAP([&] { copy(std::type_identity<scalar_t>()); }),
                 AT_EXPAND(AT_ALL_TYPES), AT_EXPAND(AT_BAREBONES_UNSIGNED_TYPES), torch::kHalf, torch::kBFloat16,
                 torch::kBool);
  require_whole_mapping(rows_.const_data_ptr());
  return out;
}

}  // namespace monge::data
