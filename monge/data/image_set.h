// Images at their own sizes for metrics. They are not cropped, resized or rotated by EXIF, since the reference
// implementations open files with Pillow's Image.open.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_collection.h"
#include "monge/data/source.h"
#include "monge/io/image.h"

namespace monge::data {

/// An image of a set, or the reason why it cannot be used.
struct LoadedImage {
  std::string name;       ///< inside its set: "a/smile.png"
  torch::Tensor rgb_HWC;  ///< uint8 [H, W, 3]; undefined when `fault` is not empty
  std::string fault;      ///< what is wrong with it, naming it; else empty
};

/// A set that open_image_collection accepts, or an array of images (.npy, uint8 or float in [-1, 1]). Images are in the
/// order of their names, or that of the array. Immutable after construction and thread-safe.
class ImageSet {
 public:
  /// Lists the images and decodes none.
  /// @param background  the colour that shows through transparency.
  /// @param log  is warned as by open_image_collection, and of floats beyond [-1, 1], which are clamped.
  /// @throws InputError as open_image_collection and open_array; an array of vectors; a path that is no set of images
  ///     (.csv).
  explicit ImageSet(const std::filesystem::path& path, const io::Colour& background = io::kWhite,
                    const LogSink& log = silent());

  const std::string& name() const { return name_; }
  int64_t size() const;

  /// The name of image i inside the set; its number if it has no name.
  std::string item_name(int64_t index) const;

  /// Images [begin, end), decoded on all cores; those that cannot be used have a fault. Grey is repeated in three
  /// channels, and transparency is composited over the background. @throws InputError for a range beyond the set.
  std::vector<LoadedImage> load(int64_t begin, int64_t end) const;

 private:
  void warn_of_clamping(const LogSink& log) const;
  LoadedImage load_one(int64_t index) const;

  std::string name_;
  io::Colour background_;
  std::shared_ptr<const ImageCollection> images_;
  std::shared_ptr<const Source> array_;  ///< instead of images
};

}  // namespace monge::data
