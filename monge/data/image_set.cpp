#include "monge/data/image_set.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/data/arrays.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {

ImageSet::ImageSet(const std::filesystem::path& path, const io::Colour& background, const LogSink& log)
    : name_(path.string()), background_(background) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored) || !has_array_extension(path)) {
    images_ = open_image_collection(path, log);
    return;
  }
  array_ = open_array(path);
  warn_of_clamping(log);
  if (array_->item_shape().size() != 3) {
    throw InputError({.what = "holds no images",
                      .where = name_,
                      .value = text("items of shape ", torch::IntArrayRef(array_->item_shape())),
                      .allowed = "a folder or archive of images, or a .npy array [N, C, H, W]"});
  }
}

void ImageSet::warn_of_clamping(const LogSink& log) const {
  if (array_->item_shape().size() != 3) return;
  constexpr int64_t kMost = 256;  // images that are examined
  std::vector<int64_t> some;
  for (int64_t i = 0; i < std::min(kMost, array_->size()); ++i) some.push_back(i);
  const double fraction = (array_->items(some).abs() > 1.001).to(torch::kFloat64).mean().item<double>();
  if (fraction == 0) return;
  log(LogLevel::warning, text(name_, ": ", 100 * fraction,
                              " % of the values lie outside [-1, 1] and are clamped; convert images with another ",
                              "normalisation to 0..255 (uint8) or [-1, 1] first"));
}

int64_t ImageSet::size() const { return array_ ? array_->size() : images_->size(); }

std::string ImageSet::item_name(int64_t index) const {
  return array_ ? array_->item_name(index) : images_->name(index);
}

LoadedImage ImageSet::load_one(int64_t index) const {
  LoadedImage out{.name = item_name(index), .rgb_HWC = {}, .fault = {}};
  try {
    if (array_) {
      out.rgb_HWC = io::from_float(array_->items({index})[0].expand({3, -1, -1}));
    } else {
      const io::DecodingMemory memory;
      io::ImageNotes ignored;
      out.rgb_HWC = io::to_rgb(images_->decode(index, ignored, {.orientation = io::Orientation::pillow}), background_)
                        .contiguous();
    }
  } catch (const InputError& error) {
    out.fault = error.what();
  }
  return out;
}

std::vector<LoadedImage> ImageSet::load(int64_t begin, int64_t end) const {
  require(begin >= 0 && begin <= end && end <= size(), name_, ": images ", begin, " to ", end, " of ", size());
  std::vector<LoadedImage> out(static_cast<size_t>(end - begin));
  for_each_parallel(end - begin, [&] { return [&](int64_t i) { out[static_cast<size_t>(i)] = load_one(begin + i); }; });
  return out;
}

}  // namespace monge::data
