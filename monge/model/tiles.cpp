#include "monge/model/tiles.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <optional>

#include "monge/core/error.h"
#include "monge/nn/pooled_statistics.h"

namespace monge::model {
namespace {

constexpr int64_t kAutomaticSide = 512;
constexpr double kUnusedFraction = 0.125;  // of an overlap, at either end

int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }
int64_t round_up(int64_t value, int64_t multiple) { return divide_up(value, multiple) * multiple; }

/// `most` raised to what the net needs: tiles of multiples, of which neighbours overlap by the reach.
int64_t least_tile(int64_t most, const nn::ImageSizes& sizes) {
  const int64_t by_reach = 2 * round_up(sizes.reach, sizes.multiple), by_size = round_up(sizes.least, sizes.multiple);
  return std::max({round_up(most, sizes.multiple), by_size, by_reach, 4 * sizes.multiple});
}

/// The weight of a tile `distance` pixels from its edge, inside an overlap. That of its neighbour is 1 minus it.
float ramp(int64_t distance, int64_t overlap) {
  const double place = (static_cast<double>(distance) + 0.5) / static_cast<double>(overlap);
  const double moved = std::clamp((place - kUnusedFraction) / (1 - 2 * kUnusedFraction), 0.0, 1.0);
  const double root = std::sin(std::numbers::pi / 2 * moved);
  return static_cast<float>(root * root);
}

std::vector<torch::Tensor> blending_weights(const std::vector<int64_t>& begins, int64_t length) {
  std::vector<torch::Tensor> out;
  auto sum = torch::zeros({begins.back() + length});
  for (size_t k = 0; k < begins.size(); ++k) {
    auto weight = torch::ones({length});
    float* w = weight.data_ptr<float>();
    const int64_t before = k == 0 ? 0 : begins[k - 1] + length - begins[k];
    const int64_t after = k + 1 == begins.size() ? 0 : begins[k] + length - begins[k + 1];
    for (int64_t i = 0; i < before; ++i) w[i] *= ramp(i, before);
    for (int64_t i = 0; i < after; ++i) w[length - 1 - i] *= ramp(i, after);
    sum.narrow(0, begins[k], length) += weight;
    out.push_back(weight);
  }
  for (size_t k = 0; k < begins.size(); ++k) out[k] /= sum.narrow(0, begins[k], length);
  return out;
}

/// Pixels [begin, begin + length) of an axis that continues beyond its end by reflection, without repeating the edge.
torch::Tensor reflected(const torch::Tensor& x, int64_t dim, int64_t begin, int64_t length) {
  const int64_t pixels = x.size(dim);
  if (begin + length <= pixels) return x.narrow(dim, begin, length);
  auto index = torch::empty({length}, torch::kInt64);
  const int64_t period = std::max<int64_t>(1, 2 * (pixels - 1));
  for (int64_t i = 0; i < length; ++i) {
    const int64_t at = (begin + i) % period;
    index.data_ptr<int64_t>()[i] = std::min(at, period - at);
  }
  if (pixels == 1) index.zero_();
  return x.index_select(dim, index);
}

torch::Tensor window(const torch::Tensor& image_1CHW, int64_t top, int64_t left, int64_t height, int64_t width) {
  return reflected(reflected(image_1CHW, 2, top, height), 3, left, width);
}

/// The tiles of one image.
class Tiles {
 public:
  Tiles(const torch::Tensor& image_1CHW, TileAxis rows, TileAxis columns)
      : image_(image_1CHW), rows_(std::move(rows)), columns_(std::move(columns)) {}

  int64_t count() const { return static_cast<int64_t>(rows_.begins.size() * columns_.begins.size()); }
  int64_t tile_pixels() const { return rows_.length * columns_.length; }

  torch::Tensor input(int64_t tile) const {
    return window(image_, rows_.begins[row(tile)], columns_.begins[column(tile)], rows_.length, columns_.length);
  }

  /// Adds the output of a tile, [C, length, length], to that of the image, [C, H, W].
  void add(int64_t tile, const torch::Tensor& y, torch::Tensor output_CHW) const {
    const int64_t top = rows_.begins[row(tile)], left = columns_.begins[column(tile)];
    const int64_t height = std::min(rows_.length, rows_.pixels - top),
                  width = std::min(columns_.length, columns_.pixels - left);
    const auto weight_HW =
        rows_.weights[row(tile)].narrow(0, 0, height).unsqueeze(1) * columns_.weights[column(tile)].narrow(0, 0, width);
    output_CHW.narrow(1, top, height)
        .narrow(2, left, width)
        .addcmul_(y.narrow(1, 0, height).narrow(2, 0, width), weight_HW);
  }

 private:
  size_t row(int64_t tile) const { return static_cast<size_t>(tile) / columns_.begins.size(); }
  size_t column(int64_t tile) const { return static_cast<size_t>(tile) % columns_.begins.size(); }

  torch::Tensor image_;
  TileAxis rows_, columns_;
};

/// `count` begins of windows of `length` pixels, spread evenly over an axis of `pixels`, at multiples.
std::vector<int64_t> spread(int64_t pixels, int64_t length, int64_t count, int64_t multiple) {
  const int64_t last = std::max<int64_t>(0, pixels - length) / multiple;
  std::vector<int64_t> out;
  for (int64_t k = 0; k < count; ++k) out.push_back(multiple * (count == 1 ? last / 2 : k * last / (count - 1)));
  return out;
}

/// The side of the windows on an axis of an image: kWindow pixels, or the padded axis if it is shorter.
int64_t window_side(int64_t pixels, const nn::ImageSizes& sizes) {
  constexpr int64_t kWindow = 256;
  return std::max(std::min(round_up(kWindow, sizes.multiple), round_up(pixels, sizes.multiple)),
                  round_up(sizes.least, sizes.multiple));
}

/// Calls use(windows), [n, C, height, width], a few times with windows that are spread evenly over an image. Each time
/// the windows have up to kPixels in all and lie all over the image.
template <class Use>
void for_spread_windows(const torch::Tensor& image_1CHW, const nn::ImageSizes& sizes, Use&& use) {
  constexpr int64_t kPasses = 4, kPixels = 512 * 512;
  const int64_t height = image_1CHW.size(2), width = image_1CHW.size(3);
  const int64_t tall = window_side(height, sizes), wide = window_side(width, sizes);
  const int64_t at_once = std::max<int64_t>(1, kPixels / (tall * wide)), most = kPasses * at_once;
  const double shape = static_cast<double>(width) / static_cast<double>(height);
  const int64_t columns = std::clamp<int64_t>(std::llround(std::sqrt(static_cast<double>(most) * shape)), 1,
                                              std::min(most, divide_up(width, wide)));
  const int64_t rows = std::clamp<int64_t>(most / columns, 1, divide_up(height, tall));
  std::vector<torch::Tensor> all;
  for (const int64_t top : spread(height, tall, rows, sizes.multiple)) {
    for (const int64_t left : spread(width, wide, columns, sizes.multiple))
      all.push_back(window(image_1CHW, top, left, tall, wide));
  }
  const size_t passes = (all.size() + static_cast<size_t>(at_once) - 1) / static_cast<size_t>(at_once);
  for (size_t pass = 0; pass < passes; ++pass) {
    std::vector<torch::Tensor> some;
    for (size_t i = pass; i < all.size(); i += passes) some.push_back(all[i]);
    use(torch::cat(some));
  }
}

/// Lets all parts of an image pass the net with the statistics of one sample of them, until it is destroyed.
class SharedStatistics {
 public:
  SharedStatistics(const Model& model, const torch::Tensor& image_1CHW) : net_(*model.net) {
    // A window that is shorter than the image has edges that the image does not have.
    const auto margin = [&](int64_t pixels) {
      constexpr double kMargin = 0.125;
      return window_side(pixels, *model.sizes) < pixels ? kMargin : 0.0;
    };
    const auto statistics =
        std::make_shared<nn::PooledStatistics>(margin(image_1CHW.size(2)), margin(image_1CHW.size(3)));
    net_.use_statistics(statistics);
    try {
      for_spread_windows(image_1CHW, *model.sizes, [&](const torch::Tensor& windows) { model.outputs(windows); });
    } catch (...) {
      net_.use_statistics(nullptr);
      throw;
    }
    statistics->apply();
  }
  ~SharedStatistics() { net_.use_statistics(nullptr); }
  SharedStatistics(const SharedStatistics&) = delete;
  SharedStatistics& operator=(const SharedStatistics&) = delete;

 private:
  nn::MapNet& net_;
};

}  // namespace

TileAxis tile_axis(int64_t pixels, int64_t most, const nn::ImageSizes& sizes) {
  require(pixels >= 1, "tile_axis: an image has no side of ", pixels, " pixels");
  const int64_t multiple = sizes.multiple, least = round_up(sizes.least, multiple);
  const int64_t padded = std::max(round_up(pixels, multiple), least);
  most = least_tile(most, sizes);
  TileAxis out{.pixels = pixels, .length = padded, .begins = {0}, .weights = {}};
  if (padded > most) {
    const int64_t overlap = round_up(std::max(most / 4, sizes.reach), multiple);
    const int64_t count = divide_up(padded - overlap, most - overlap);
    out.length = std::max(round_up(divide_up(padded + (count - 1) * overlap, count), multiple), least);
    const int64_t last = (padded - out.length) / multiple;
    for (int64_t k = 1; k < count; ++k) out.begins.push_back(multiple * (k * last / (count - 1)));
  }
  out.weights = blending_weights(out.begins, out.length);
  return out;
}

int64_t tile_side(const Model& model, int64_t wanted) {
  const auto sizes = model.sizes.value_or(nn::ImageSizes());
  return least_tile(wanted > 0 ? wanted : std::max(kAutomaticSide, 4 * sizes.reach), sizes);
}

torch::Tensor outputs_in_tiles(const Model& model, const torch::Tensor& input, const TileOptions& options) {
  require(input.dim() == 4 && input.size(0) == 1, model.origin, ": tiles are parts of one image, [1, C, H, W]; got ",
          input.sizes());
  require(model.sizes.has_value(), model.origin,
          ": the map takes images of one size, so it cannot be applied to tiles");
  const int64_t side = tile_side(model, options.side);
  const Tiles tiles(input, tile_axis(input.size(2), side, *model.sizes), tile_axis(input.size(3), side, *model.sizes));
  const int64_t at_once = std::max<int64_t>(1, side * side / tiles.tile_pixels());
  const auto proceeds = [&](int64_t done) { return !options.proceed || options.proceed(done, tiles.count()); };
  if (!proceeds(0)) return {};
  std::optional<SharedStatistics> shared;
  if (model.sizes->uses_whole_image && tiles.count() > 1) shared.emplace(model, input);
  auto out = torch::zeros({1, model.item_shape[0], input.size(2), input.size(3)});
  for (int64_t begin = 0; begin < tiles.count(); begin += at_once) {
    if (begin > 0 && !proceeds(begin)) return {};
    const int64_t end = std::min(begin + at_once, tiles.count());
    std::vector<torch::Tensor> parts;
    for (int64_t tile = begin; tile < end; ++tile) parts.push_back(tiles.input(tile));
    const auto y = model.outputs(parts.size() == 1 ? parts[0] : torch::cat(parts));
    for (int64_t tile = begin; tile < end; ++tile) tiles.add(tile, y[tile - begin], out[0]);
  }
  return out;
}

}  // namespace monge::model
