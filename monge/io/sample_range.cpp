#include "monge/io/sample_range.h"

#include <algorithm>
#include <charconv>

#include "monge/core/error.h"

namespace monge::io {
namespace {

/// All of `word` as a number of 16 bits, or -1.
int sample_of(std::string_view word) {
  int out = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), out);
  return failure == std::errc() && end == word.data() + word.size() && out >= 0 && out <= 65535 ? out : -1;
}

}  // namespace

std::string SampleRange::text() const { return monge::text(low, "..", high); }

SampleRange parse_range(const std::string& words, const std::string& key) {
  if (words == "full") return {};
  const auto dots = words.find("..");
  const std::string_view all = words;
  const int low = dots == std::string::npos ? -1 : sample_of(all.substr(0, dots));
  const int high = dots == std::string::npos ? -1 : sample_of(all.substr(dots + 2));
  if (low < 0 || high <= low) {
    throw InputError({.what = "not a range of 16-bit samples",
                      .where = key,
                      .value = '"' + words + '"',
                      .allowed = "full, auto, LOW..HIGH with 0 <= LOW < HIGH <= 65535",
                      .fix = "write for example \"0..4095\" for 12-bit data"});
  }
  return {low, high};
}

SampleRange range_holding(int least, int largest) {
  int high = 255;
  while (high < largest) high = 2 * high + 1;
  if (least > high / 2 && least < largest) return {least, largest};
  return {0, high};
}

std::pair<int, int> sample_extremes(const torch::Tensor& image_HWC) {
  const int64_t channels = image_HWC.size(2), colours = channels % 2 == 0 ? channels - 1 : channels;
  const uint16_t* sample = image_HWC.const_data_ptr<uint16_t>();
  int least = 65535, largest = 0;
  for (int64_t pixel = image_HWC.size(0) * image_HWC.size(1); pixel > 0; --pixel, sample += channels) {
    for (int64_t c = 0; c < colours; ++c) {
      least = std::min<int>(least, sample[c]);
      largest = std::max<int>(largest, sample[c]);
    }
  }
  return {least, largest};
}

torch::Tensor to_eight_bits(const torch::Tensor& image_HWC, const SampleRange& range) {
  const int64_t channels = image_HWC.size(2), colours = channels % 2 == 0 ? channels - 1 : channels;
  auto out = torch::empty(image_HWC.sizes(), torch::kUInt8);
  const uint16_t* from = image_HWC.const_data_ptr<uint16_t>();
  uint8_t* to = out.data_ptr<uint8_t>();
  // (255 v + 32895) >> 16 is v / 257 rounded, as in libpng's png_set_scale_16.
  const auto whole = [](uint32_t v) { return static_cast<uint8_t>((255 * v + 32895) >> 16); };
  if (range.full()) {
    for (int64_t i = 0; i < image_HWC.numel(); ++i) to[i] = whole(from[i]);
    return out;
  }
  const auto low = static_cast<uint32_t>(range.low), high = static_cast<uint32_t>(range.high), span = high - low;
  for (int64_t pixel = image_HWC.size(0) * image_HWC.size(1); pixel > 0; --pixel, from += channels, to += channels) {
    for (int64_t c = 0; c < colours; ++c) {
      const uint32_t above = std::clamp<uint32_t>(from[c], low, high) - low;
      to[c] = static_cast<uint8_t>((255 * above + span / 2) / span);
    }
    if (colours < channels) to[colours] = whole(from[colours]);
  }
  return out;
}

torch::Tensor from_float_to_sixteen_bits(const torch::Tensor& image_CHW, const SampleRange& range) {
  require(image_CHW.dim() == 3 && (image_CHW.size(0) == 1 || image_CHW.size(0) == 3) && image_CHW.is_floating_point(),
          "from_float_to_sixteen_bits: the image must be floats [1 or 3, H, W], got ", image_CHW.scalar_type(), " ",
          image_CHW.sizes());
  const double span = range.high - range.low;
  const auto scaled = image_CHW.detach().cpu().to(torch::kFloat64).nan_to_num(-1);
  scaled.clamp_(-1, 1).add_(1).mul_(span / 2).add_(range.low).round_();
  return scaled.to(torch::kInt).to(torch::kUInt16).permute({1, 2, 0}).contiguous();
}

}  // namespace monge::io
