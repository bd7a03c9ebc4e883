#include "monge/run/grid.h"

#include <torch/types.h>

#include "monge/core/checked.h"
#include "monge/core/error.h"

namespace monge::run {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 28;

void check_range(const char* key, int64_t value, int64_t least, int64_t most) {
  require(value >= least && value <= most, "image grid: ", key, " = ", value, " (allowed: ", least, "..", most, ")");
}

torch::Tensor first_defined(const std::vector<torch::Tensor>& cells) {
  for (const auto& cell : cells) {
    if (cell.defined()) return cell;
  }
  throw InputError("image grid: there is no image to show");
}

/// [C,H,W] in [-1,1] to uint8 [H,W,3], enlarged.
torch::Tensor pixels(const torch::Tensor& cell, int64_t scale) {
  const auto bytes = ((cell.detach().to(torch::kCPU, torch::kFloat32).nan_to_num(-1, 1, -1).clamp(-1, 1) + 1) * 127.5)
                         .round()
                         .to(torch::kUInt8);
  return bytes.expand({3, -1, -1}).permute({1, 2, 0}).repeat_interleave(scale, 0).repeat_interleave(scale, 1);
}

}  // namespace

torch::Tensor image_grid(const std::vector<torch::Tensor>& cells, const GridOptions& options) {
  check_range("columns", options.columns, 1, 4096);
  check_range("padding", options.padding, 0, 256);
  check_range("scale", options.scale, 1, 64);
  const auto shape = first_defined(cells).sizes().vec();
  require(shape.size() == 3 && (shape[0] == 1 || shape[0] == 3) && shape[1] > 0 && shape[2] > 0,
          "image grid: images must be [1,H,W] or [3,H,W]; got ", torch::IntArrayRef(shape));
  for (const auto& cell : cells) {
    require(!cell.defined() || cell.sizes() == shape, "image grid: images must have one shape; got ",
            torch::IntArrayRef(shape), " and ", cell.sizes());
  }

  const int64_t count = static_cast<int64_t>(cells.size());
  const int64_t columns = std::min(options.columns, count), rows = (count + columns - 1) / columns;
  const int64_t cell_height = checked_multiply(shape[1], options.scale, "image grid") + options.padding;
  const int64_t cell_width = checked_multiply(shape[2], options.scale, "image grid") + options.padding;
  const int64_t height = checked_multiply(rows, cell_height, "image grid") + options.padding;
  const int64_t width = checked_multiply(columns, cell_width, "image grid") + options.padding;
  require(checked_multiply(height, width, "image grid") <= kMostPixels, "image grid: ", width, " x ", height,
          " pixels are too many; show fewer images, or lower the scale");

  auto out = torch::full({height, width, 3}, options.background, torch::kUInt8);
  for (int64_t i = 0; i < count; ++i) {
    if (!cells[i].defined()) continue;
    const int64_t top = options.padding + i / columns * cell_height, left = options.padding + i % columns * cell_width;
    out.narrow(0, top, shape[1] * options.scale)
        .narrow(1, left, shape[2] * options.scale)
        .copy_(pixels(cells[i], options.scale));
  }
  return out;
}

}  // namespace monge::run
