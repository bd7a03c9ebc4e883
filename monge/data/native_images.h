// Images at their own sizes as a source, for maps that accept any size.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_collection.h"
#include "monge/data/images.h"

namespace monge::data {

/// Which images keep their own size. The others are prepared as ImageSource does, at ImageOptions::size.
enum class OwnSize {
  always,                 ///< all
  larger_or_other_shape,  ///< those for which keeps_own_size is true
};

/// Whether an image is larger than `trained`, in any direction, or has other proportions.
bool keeps_own_size(const ImageSize& image, const ImageSize& trained);

/// Whether a set has an image that keeps its own size beside `trained`. Reads headers alone and ignores files that have
/// none. Either orientation of an image counts, because that of its EXIF block is not read.
/// @throws InputError as open_image_collection.
bool any_keeps_own_size(const std::filesystem::path& path, const ImageSize& trained, const LogSink& log);

/// Images as ImageSource gives them, but neither cropped nor resized. So only one can be requested at a time.
class NativeImageSource : public FiniteSource {
 public:
  static constexpr int64_t kMostSide = 16384;  ///< in pixels

  /// Decodes every image once, so that all unusable images are known before the first one is used.
  /// @param options  without cache_mb; size, resize_to and crop apply to images that do not keep their size. With
  ///                 on_error = "skip" unusable images are left out, see open_report(); with "fail" they are an error.
  /// @param log  see open_image_collection. Notes on single images are not logged; open_report() counts them.
  /// @param own_size  which images keep their size; sides beyond kMostSide cannot be used.
  /// @throws InputError as ImageSource; with "fail" naming all images that cannot be used (up to 1,000).
  NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log,
                    OwnSize own_size = OwnSize::always);

  std::string name() const override { return name_; }
  /// [C, 0, 0]: the sizes differ.
  std::vector<int64_t> item_shape() const override { return {options_.preparation().channels, 0, 0}; }
  int64_t size() const override { return left_out_.empty() ? images_->size() : static_cast<int64_t>(rows_.size()); }
  /// [1, C, H, W]. @param indices one index. @throws InputError for more, or for an image that cannot be decoded.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;
  bool gives_files() const override { return true; }
  int sample_bits(int64_t index) const override;
  bool is_quick() const override { return false; }
  OpenReport open_report() const override;

  /// The number of items that keep their own size, and the largest height and width among all items.
  int64_t own_sizes() const { return own_sizes_; }
  ImageSize largest() const { return largest_; }

 private:
  struct Counter;

  bool keeps(const ImageSize& image) const {
    return own_size_ == OwnSize::always || keeps_own_size(image, options_.size);
  }
  int64_t image_of(int64_t item) const { return left_out_.empty() ? item : rows_[static_cast<size_t>(item)]; }

  std::string name_;
  ImageOptions options_;
  OwnSize own_size_;
  int64_t own_sizes_ = 0;
  ImageSize largest_ = 0;
  std::shared_ptr<const ImageCollection> images_;
  std::vector<int64_t> rows_;          ///< the images that are items, if some are left out
  std::vector<std::string> left_out_;  ///< with reasons
  std::shared_ptr<Counter> counter_;
};

}  // namespace monge::data
