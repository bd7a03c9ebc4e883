#include "monge/io/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numbers>
#include <random>
#include <regex>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/image.h"
#include "monge/io/resample_dots.h"
#include "monge/io/safetensors.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

/// Enough of .npy for the goldens: version 1, little endian, C order.
torch::Tensor read_golden(const std::filesystem::path& path) {
  auto bytes = real_files().read(path);
  const size_t start = 10 + static_cast<uint8_t>(bytes[8]) + 256 * static_cast<uint8_t>(bytes[9]);
  const auto header = bytes.substr(0, start);
  std::vector<int64_t> sizes;
  const std::regex number(R"(\d+)");
  const auto shape = header.substr(header.find("'shape'"));
  for (std::sregex_iterator at(shape.begin(), shape.end(), number), end; at != end; ++at)
    sizes.push_back(std::stoll(at->str()));
  if (sizes.size() == 2) sizes.push_back(1);
  const bool floats = header.find("'<f4'") != std::string::npos;
  return torch::from_blob(bytes.data() + start, sizes, floats ? torch::kFloat32 : torch::kUInt8).clone();
}

// Bit for bit what Pillow gives, in both orders of passes.
TEST(Resize, EqualsPillowOnTheGoldens) {
  MONGE_NEEDS_SHARED("fixtures/resize");
  const auto folder = testing::shared_folder() / "fixtures/resize";
  const std::regex form(R"((.+_\d+x\d+)(_crop32)?__(cleanfid_)?([a-z]+)(_F)?_\d+x\d+(__pillow11)?\.npy)");
  int bytes = 0, floats = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto file = entry.path().filename().string();
    std::smatch found;
    if (!std::regex_match(file, found, form)) continue;
    auto image = read_image(folder / (found[1].str() + ".png"));
    if (found[2].matched) image = image.slice(0, 0, 32).slice(1, 0, 32);
    const auto golden = read_golden(entry.path());
    const auto filter = filter_named(found[4]);
    if (found[3].matched) {
      const auto out = resize_float(image.to(torch::kFloat32), golden.size(0), golden.size(1), filter);
      EXPECT_LE((out - golden).abs().max().item<double>(), 1e-4) << file;
      ++floats;
    } else {
      const auto order = found[6].matched ? PassOrder::pillow11 : PassOrder::pillow13;
      EXPECT_TRUE(torch::equal(resize_uint8(image, golden.size(0), golden.size(1), filter, order), golden)) << file;
      ++bytes;
    }
  }
  EXPECT_EQ(bytes, 40);
  EXPECT_EQ(floats, 3);
}

// The same for the images of tests/fixtures (make_resize.py): with and without alpha, and all orders of passes.
TEST(Resize, EqualsPillowOnTheCommittedImages) {
  const auto path = testing::fixtures_folder() / "resize/pillow.safetensors";
  const auto file = read_safetensors(path);
  const std::regex form("(bytes|floats)/(\\w+)/(\\w+)/\\d+x\\d+(/pillow11)?");
  int bytes = 0, floats = 0;
  for (const auto& [key, golden] : file.tensors) {
    std::smatch found;
    if (!std::regex_match(key, found, form)) continue;
    const auto& image = file.at("source/" + found[2].str(), path.string());
    const auto filter = filter_named(found[3]);
    if (found[1] == "floats") {
      const auto out = resize_float(image.to(torch::kFloat32), golden.size(0), golden.size(1), filter);
      EXPECT_LE((out - golden).abs().max().item<double>(), 1e-4) << key;
      ++floats;
    } else {
      const auto order = found[4].matched ? PassOrder::pillow11 : PassOrder::pillow13;
      EXPECT_TRUE(torch::equal(resize_uint8(image, golden.size(0), golden.size(1), filter, order), golden)) << key;
      ++bytes;
    }
  }
  EXPECT_EQ(bytes, 90);
  EXPECT_EQ(floats, 4);
}

double kernel(Filter filter, double x) {
  const double t = std::abs(x), pi_t = std::numbers::pi * t;
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5;
    case Filter::bilinear:
      return t < 1 ? 1 - t : 0;
    case Filter::bicubic:
      return t < 1 ? 1.5 * t * t * t - 2.5 * t * t + 1 : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0;
    case Filter::lanczos:
      return t == 0 ? 1 : t < 3 ? 3 * std::sin(pi_t) * std::sin(pi_t / 3) / (pi_t * pi_t) : 0;
  }
  return 0;
}

/// The resized image straight from the definition: for each output pixel a double loop over the whole input, in
/// double.
torch::Tensor resized_directly(const torch::Tensor& image_HW, int64_t height, int64_t width, Filter filter) {
  const auto in = image_HW.to(torch::kFloat64);
  const auto axis = [&](int64_t from, int64_t to) {
    auto matrix = torch::zeros({to, from}, torch::kFloat64);
    const double scale = double(from) / to, stretch = std::max(scale, 1.0);
    for (int64_t i = 0; i < to; ++i) {
      for (int64_t j = 0; j < from; ++j) matrix[i][j] = kernel(filter, (j + 0.5 - (i + 0.5) * scale) / stretch);
    }
    return matrix / matrix.sum(1, true);
  };
  return axis(image_HW.size(0), height).matmul(in).matmul(axis(image_HW.size(1), width).t());
}

class EveryFilter : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Resize, EveryFilter, ::testing::Values("box", "bilinear", "bicubic", "lanczos"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(EveryFilter, FollowsTheDefinition) {
  torch::manual_seed(3);
  const auto filter = filter_named(GetParam());
  const auto image = torch::randint(60, 190, {23, 18, 1}, torch::kUInt8);  // away from 0 and 255: nothing is clipped
  for (const auto& [height, width] : {std::pair{7, 11}, {40, 31}, {5, 40}}) {
    const auto expected = resized_directly(image.squeeze(2), height, width, filter);
    const auto floats = resize_float(image.to(torch::kFloat32), height, width, filter).squeeze(2);
    EXPECT_LE((floats - expected).abs().max().item<double>(), 1e-3);  // float32 of 255 between the passes: 2e-5 a step
    const auto bytes = resize_uint8(image, height, width, filter).squeeze(2);
    // Half a step from each rounding; the first one passes through weights whose magnitudes sum to at most 1.5.
    EXPECT_LE((bytes - expected).abs().max().item<double>(), 1.3);
  }
}

TEST_P(EveryFilter, KeepsAConstantAndTheIdentity) {
  const auto filter = filter_named(GetParam());
  const auto constant = torch::full({31, 50, 3}, 201, torch::kUInt8);
  for (const auto& [height, width] : {std::pair{8, 8}, {64, 64}, {1, 1}, {31, 7}}) {
    EXPECT_TRUE(torch::equal(resize_uint8(constant, height, width, filter),
                             torch::full({height, width, 3}, 201, torch::kUInt8)));
  }
  const auto image = torch::randint(0, 256, {9, 14, 4}, torch::kUInt8);
  EXPECT_TRUE(torch::equal(resize_uint8(image, 9, 14, filter), image));
}

/// resize_uint8 as its header says it, sample by sample: no table, no vector, no cache. [H, W, C] in and out.
class Plainly {
 public:
  Plainly(Filter filter, PassOrder order) : filter_(filter), order_(order) {}

  torch::Tensor operator()(torch::Tensor image, int64_t height, int64_t width) const {
    const bool alpha = image.size(2) % 2 == 0 && (image.size(0) != height || image.size(1) != width);
    image = image.clone(torch::MemoryFormat::Contiguous);
    const int64_t shrunk_height = image.size(0) - height, shrunk_width = image.size(1) - width;
    if (alpha) per_alpha(image, [](int value, int alpha) { return ((value * alpha + 128) * 257) >> 16; });
    const bool down_first = order_ == PassOrder::pillow13 && shrunk_height > 0 && shrunk_height > 2 * shrunk_width;
    if (down_first) image = along(image, height, 0);
    if (image.size(1) != width) image = along(image, width, 1);
    if (image.size(0) != height) image = along(image, height, 0);
    if (alpha)
      per_alpha(image, [](int value, int alpha) { return alpha ? std::min(255 * value / alpha, 255) : value; });
    return image;
  }

 private:
  // To the bit, so with Pillow's own order of operations, unlike kernel() above.
  double weight(double x) const {
    const auto sinc = [](double t) { return t == 0 ? 1 : std::sin(t * std::numbers::pi) / (t * std::numbers::pi); };
    if (filter_ == Filter::box) return x > -0.5 && x <= 0.5;
    if (filter_ == Filter::lanczos) return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    const double t = std::abs(x);
    if (filter_ == Filter::bilinear) return t < 1 ? 1 - t : 0;
    return t < 1 ? ((-0.5 + 2) * t - (-0.5 + 3)) * t * t + 1 : t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
  }

  torch::Tensor along(const torch::Tensor& image, int64_t out, int64_t axis) const {
    const int64_t in = image.size(axis), channels = image.size(2);
    const int64_t height = axis == 0 ? out : image.size(0), width = axis == 1 ? out : image.size(1);
    const double scale = double(in) / double(out), stretch = std::max(scale, 1.0);
    const double reach = stretch * std::array{0.5, 1.0, 2.0, 3.0}[static_cast<size_t>(filter_)];
    auto result = torch::empty({height, width, channels}, torch::kUInt8);
    uint8_t* to = result.data_ptr<uint8_t>();
    const uint8_t* from = image.data_ptr<uint8_t>();
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double centre = (double(axis == 0 ? y : x) + 0.5) * scale;
        const int64_t low = std::max<int64_t>(int64_t(centre - reach + 0.5), 0);
        const int64_t high = std::min<int64_t>(int64_t(centre + reach + 0.5), in);
        std::vector<double> weights;
        double whole = 0;
        for (int64_t j = low; j < high; ++j)
          whole += weights.emplace_back(weight((double(j) - centre + 0.5) / stretch));
        for (int64_t c = 0; c < channels; ++c) {
          int64_t sum = 1 << 21;
          for (int64_t j = low; j < high; ++j) {
            const double exact = weights[static_cast<size_t>(j - low)] / whole * (1 << 22);
            const int64_t at = axis == 0 ? j * width + x : y * in + j;
            sum += int64_t(exact + (exact < 0 ? -0.5 : 0.5)) * from[at * channels + c];
          }
          *to++ = static_cast<uint8_t>(std::clamp<int64_t>(sum >> 22, 0, 255));
        }
      }
    }
    return result;
  }

  template <class Change>
  static void per_alpha(torch::Tensor& image, const Change& change) {
    const int64_t channels = image.size(2);
    uint8_t* pixel = image.data_ptr<uint8_t>();
    for (const auto* end = pixel + image.numel(); pixel != end; pixel += channels) {
      for (int64_t c = 0; c + 1 < channels; ++c) pixel[c] = static_cast<uint8_t>(change(pixel[c], pixel[channels - 1]));
    }
  }

  Filter filter_;
  PassOrder order_;
};

/// Noise of full contrast, so that sums are clipped on both sides.
torch::Tensor hard_noise(std::mt19937_64& random, int64_t height, int64_t width, int64_t channels) {
  auto out = torch::empty({height, width, channels}, torch::kUInt8);
  uint8_t* to = out.data_ptr<uint8_t>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    const auto draw = random();
    to[i] = draw % 3 == 0 ? 0 : draw % 3 == 1 ? 255 : static_cast<uint8_t>(draw >> 32);
  }
  return out;
}

// Widths and heights around the vectors' 16 and 32 bytes, all ratios, all channel counts; 600 shapes a filter, with and
// without the newest instructions.
TEST_P(EveryFilter, EqualsThePlainLoopsOnRandomShapes) {
  const auto filter = filter_named(GetParam());
  std::mt19937_64 random(11);
  for (int round = 0; round < 600; ++round) {
    const auto side = [&] { return 1 + static_cast<int64_t>(random() % (round % 4 == 0 ? 70 : 20)); };
    const int64_t height = side(), width = side(), new_height = side(), new_width = side(), channels = 1 + round % 4;
    const auto order = round % 8 < 4 ? PassOrder::pillow13 : PassOrder::pillow11;
    const auto image = hard_noise(random, height, width, channels);
    const auto expected = Plainly(filter, order)(image, new_height, new_width);
    for (const bool dots : {false, true}) {
      dots_allowed = dots;
      ASSERT_TRUE(torch::equal(resize_uint8(image, new_height, new_width, filter, order), expected))
          << dots << ": " << height << " x " << width << " x " << channels << " to " << new_height << " x "
          << new_width;
    }
  }
}

// More widths than tables are kept, in turn and again; lines too wide to be turned; a part of an image.
TEST(Resize, EqualsThePlainLoopsWhereItTakesOtherWays) {
  std::mt19937_64 random(12);
  const auto expect_equal = [](const torch::Tensor& image, int64_t height, int64_t width, Filter filter) {
    const auto expected = Plainly(filter, PassOrder::pillow13)(image, height, width);
    for (const bool dots : {false, true}) {
      dots_allowed = dots;
      EXPECT_TRUE(torch::equal(resize_uint8(image, height, width, filter), expected))
          << dots << ": " << image.sizes() << " to " << height << " x " << width;
    }
  };
  for (int again = 0; again < 2; ++again) {
    for (int64_t width = 9; width < 90; ++width) expect_equal(hard_noise(random, 3, width, 3), 3, 8, Filter::bicubic);
  }
  for (const int64_t width : {65536, 65537}) {
    expect_equal(hard_noise(random, 2, width, 1), 2, 5, Filter::bilinear);
    expect_equal(hard_noise(random, 1, width, 3), 1, 40, Filter::box);
  }
  expect_equal(hard_noise(random, 1, 3, 1), 1, 65536, Filter::lanczos);
  expect_equal(hard_noise(random, 40, 50, 3).slice(0, 3, 37).slice(1, 5, 48), 20, 21, Filter::bicubic);
  expect_equal(hard_noise(random, 3, 40, 50).permute({1, 2, 0}), 20, 21, Filter::bicubic);
}

TEST(Resize, BoxHalvesByTheRoundedMean) {
  const auto image = torch::tensor({0, 1, 10, 20, 0, 2, 30, 41}, torch::kUInt8).view({2, 4, 1});
  // Rows first: (0.5 -> 1, 15), (1, 35.5 -> 36); then columns: (1, 25.5 -> 26).
  EXPECT_TRUE(torch::equal(resize_uint8(image, 1, 2, Filter::box).flatten(), torch::tensor({1, 26}, torch::kUInt8)));
}

TEST(Resize, DoesNotLetHiddenColoursThroughTransparency) {
  auto image = torch::zeros({4, 4, 4}, torch::kUInt8);
  image.select(2, 0).fill_(255);                                               // red everywhere, but
  image.slice(1, 0, 2).copy_(torch::tensor({0, 0, 200, 255}, torch::kUInt8));  // only the blue half can be seen
  const auto out = resize_uint8(image, 1, 1, Filter::box).flatten();
  EXPECT_EQ(out[0].item<int>(), 0);
  EXPECT_NEAR(out[2].item<int>(), 200, 1);
  EXPECT_EQ(out[3].item<int>(), 128);
}

TEST(Resize, TheOrderOfPassesMattersOnlyWhereItShould) {
  torch::manual_seed(5);
  const auto tall = torch::randint(0, 256, {90, 40, 3}, torch::kUInt8);
  EXPECT_FALSE(torch::equal(resize_uint8(tall, 20, 30, Filter::bicubic, PassOrder::pillow13),
                            resize_uint8(tall, 20, 30, Filter::bicubic, PassOrder::pillow11)));
  EXPECT_TRUE(torch::equal(resize_uint8(tall, 60, 20, Filter::bicubic, PassOrder::pillow13),
                           resize_uint8(tall, 60, 20, Filter::bicubic, PassOrder::pillow11)));
}

TEST(Resize, RefusesWhatItCannotDo) {
  const auto image = torch::zeros({4, 4, 3}, torch::kUInt8);
  EXPECT_THAT(message_of([] { filter_named("bicubik"); }),
              AllOf(HasSubstr("\"bicubik\""), HasSubstr("did you mean \"bicubic\"")));
  EXPECT_THAT(message_of([&] { resize_uint8(image, 0, 4, Filter::box); }),
              AllOf(HasSubstr("0 x 4"), HasSubstr("1 to 65536")));
  EXPECT_THAT(message_of([&] { resize_uint8(image, 4, int64_t{1} << 40, Filter::box); }), HasSubstr("1 to 65536"));
  EXPECT_THAT(message_of([&] { resize_float(image, 4, 4, Filter::box); }), HasSubstr("[H, W, C]"));
}

}  // namespace
}  // namespace monge::io
