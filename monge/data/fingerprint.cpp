#include "monge/data/fingerprint.h"

#include <algorithm>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/tensor_file.h"

namespace monge::data {
namespace {

constexpr int64_t kQuick = 4096, kFromDisk = 512;
constexpr int64_t kMostHashed = int64_t{1} << 22;  // in float64: 32 MiB

std::vector<int64_t> spread(int64_t size, int64_t count) {
  std::vector<int64_t> out(static_cast<size_t>(count));
  // Computed in double, since the product of two large numbers would overflow. The ends are exact.
  const double step = count > 1 ? static_cast<double>(size - 1) / static_cast<double>(count - 1) : 0;
  for (int64_t i = 0; i < count; ++i)
    out[static_cast<size_t>(i)] = std::min(static_cast<int64_t>(static_cast<double>(i) * step), size - 1);
  if (count > 1) out.back() = size - 1;
  return out;
}

}  // namespace

std::string fingerprint(const Source& source) {
  const auto shape = source.item_shape();
  if (source.endless() || shape.size() != 1) return {};
  const int64_t most =
      std::clamp<int64_t>(kMostHashed / std::max<int64_t>(shape[0], 1), 2, source.is_quick() ? kQuick : kFromDisk);
  const auto indices = spread(source.size(), std::min(source.size(), most));
  try {
    const auto rows = io::plain(source.exact_items(indices));
    return content_hash(text(source.size(), ' ', shape[0], ' ', content_hash(io::bytes_of(rows))));
  } catch (const Error&) {
    return {};
  }
}

}  // namespace monge::data
