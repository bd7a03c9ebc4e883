#include "monge/session/translation_grid.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"
#include "monge/run/grid.h"

namespace monge::session {
namespace {

torch::Tensor resized(const torch::Tensor& image_CHW, int64_t height, int64_t width) {
  if (image_CHW.size(1) == height && image_CHW.size(2) == width) return image_CHW.clone();
  return io::resize_float(image_CHW.permute({1, 2, 0}).contiguous(), height, width, io::Filter::bilinear)
      .permute({2, 0, 1});
}

/// The image in the largest size of its proportions that fits.
torch::Tensor fitted(const torch::Tensor& image_CHW, int64_t height, int64_t width) {
  const auto h = static_cast<double>(image_CHW.size(1)), w = static_cast<double>(image_CHW.size(2));
  const double scale = std::min(static_cast<double>(height) / h, static_cast<double>(width) / w);
  const auto side = [scale](double pixels, int64_t most) {
    return std::clamp<int64_t>(std::llround(pixels * scale), 1, most);
  };
  return resized(image_CHW, side(h, height), side(w, width));
}

}  // namespace

void TranslationGrid::add(const torch::Tensor& image_CHW) {
  if (cells_.empty()) {
    constexpr int64_t kMostSide = 512;
    cells_.push_back(std::max(image_CHW.size(1), image_CHW.size(2)) <= kMostSide
                         ? image_CHW.clone()
                         : fitted(image_CHW, kMostSide, kMostSide));
    return;
  }
  const int64_t height = cells_[0].size(1), width = cells_[0].size(2);
  const auto image = fitted(image_CHW, height, width);
  auto cell = torch::ones({image.size(0), height, width});
  cell.narrow(1, (height - image.size(1)) / 2, image.size(1))
      .narrow(2, (width - image.size(2)) / 2, image.size(2))
      .copy_(image);
  cells_.push_back(cell);
}

void TranslationGrid::write(const std::filesystem::path& path, int64_t columns) const {
  require(!cells_.empty(), user_word("TranslateOptions::grid"), ": a grid needs images");
  const int64_t side = std::max(cells_[0].size(1), cells_[0].size(2));
  io::write_image(path, run::image_grid(cells_, {.columns = columns, .scale = std::clamp<int64_t>(96 / side, 1, 64)}));
}

}  // namespace monge::session
