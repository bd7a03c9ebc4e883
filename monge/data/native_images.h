// Images at their own sizes as a source, for maps that take any size.
#pragma once

#include <filesystem>
#include <memory>

#include "monge/core/log.h"
#include "monge/data/images.h"
#include "monge/data/pictures.h"

namespace monge::data {

/// Images as ImageSource gives them, but neither cropped nor resized, so that only one can be asked for at a time.
class NativeImageSource : public FiniteSource {
 public:
  /// @param options  without size, resize_to, crop and cache_mb. @param log  see ImageSource; nothing is told of single images.
  /// @throws Error as ImageSource.
  NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log);

  std::string name() const override { return name_; }
  /// [C, 0, 0]: the sizes differ.
  std::vector<int64_t> item_shape() const override { return {options_.colour == "grey" ? 1 : 3, 0, 0}; }
  int64_t size() const override { return pictures_->size(); }
  /// [1, C, H, W]. @param indices  one. @throws Error for more, a side beyond 4096 pixels, or a picture that cannot be decoded.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;
  bool gives_files() const override { return true; }
  int sample_bits(int64_t index) const override;
  bool is_quick() const override { return false; }
  Remarks remarks() const override;

 private:
  struct Counter;

  std::string name_;
  ImageOptions options_;
  std::shared_ptr<const Pictures> pictures_;
  std::shared_ptr<Counter> counter_;
};

}  // namespace monge::data
