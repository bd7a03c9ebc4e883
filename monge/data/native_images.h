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

/// Images as ImageSource gives them, but neither cropped nor resized. So only one can be requested at a time.
class NativeImageSource : public FiniteSource {
 public:
  /// Decodes every image once, so that all unusable images are known before the first one is used.
  /// @param options  without size, resize_to, crop and cache_mb. With on_error = "skip" unusable images are left out,
  ///                 see open_report(); with "fail" they are an error.
  /// @param log  see open_image_collection. Notes on single images are not logged; open_report() counts them.
  /// @param least_side  in pixels; smaller images cannot be used, and neither can those with a side beyond 4096.
  /// @throws InputError as ImageSource; with "fail" naming all images that cannot be used (up to 1,000).
  NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log,
                    int64_t least_side = 1);

  std::string name() const override { return name_; }
  /// [C, 0, 0]: the sizes differ.
  std::vector<int64_t> item_shape() const override { return {options_.preparation().channels, 0, 0}; }
  int64_t size() const override { return left_out_.empty() ? images_->size() : static_cast<int64_t>(rows_.size()); }
  /// [1, C, H, W]. @param indices one index. @throws InputError for more, a side beyond 4096 pixels, or an image that
  /// cannot be decoded.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;
  bool gives_files() const override { return true; }
  int sample_bits(int64_t index) const override;
  bool is_quick() const override { return false; }
  OpenReport open_report() const override;

 private:
  struct Counter;

  int64_t image_of(int64_t item) const { return left_out_.empty() ? item : rows_[static_cast<size_t>(item)]; }

  std::string name_;
  ImageOptions options_;
  std::shared_ptr<const ImageCollection> images_;
  std::vector<int64_t> rows_;          ///< the images that are items, if some are left out
  std::vector<std::string> left_out_;  ///< with reasons
  std::shared_ptr<Counter> counter_;
};

}  // namespace monge::data
