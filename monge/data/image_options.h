// The options of ImageSource and similar sources.
#pragma once

#include <cstdint>
#include <string>

#include "monge/core/image_size.h"
#include "monge/core/value_names.h"
#include "monge/data/preparation.h"

namespace monge::data {

/// The treatment of images that cannot be used.
enum class OnError {
  fail,  ///< throw an error that names them all
  skip   ///< leave them out
};
const ValueNames<OnError>& on_error_names();

/// The advice in messages about images that cannot be used.
std::string unusable_images_fix();

/// Channels of the items.
enum class ColourChoice {
  automatic,  ///< "auto": 1 if the files are grey, else 3; see ImageSource
  rgb,        ///< 3
  grey        ///< 1, the luma
};
const ValueNames<ColourChoice>& colour_names();

/// Where the range of 16-bit samples comes from.
enum class RangeChoice {
  full,       ///< 0..65535
  automatic,  ///< "auto": measured over the set, see measured_range
  given       ///< "LOW..HIGH"
};
RangeChoice range_choice(const std::string& range);

/// Options as a recipe or a command gives them. Words are text; the functions below return their meaning.
struct ImageOptions {
  ImageSize size = 64;          ///< of the images in pixels, each side in [1, 4096]
  int64_t resize_to = 0;        ///< the shorter side before the crop; 0: unchanged
  std::string crop = "centre";  ///< these and the next: see PreparationOptions
  std::string filter = "bicubic";
  std::string background = "white";
  bool grey = false;
  std::string colour = "rgb";     ///< see colour_names
  std::string exif = "apply";     ///< see PreparationOptions
  std::string range = "full";     ///< see PreparationOptions; or "auto"
  int64_t bits = 8;               ///< 16: 16-bit images become floats that keep their precision; others as with 8
  bool log_notes = true;          ///< log what was noticed; false: only open_report() has it
  bool convert = true;            ///< convert CMYK, 16-bit and palette images; false: they cannot be used
  int64_t cache_mb = 4096;        ///< decoded images are kept in memory if all fit in so many MiB; 0: never
  std::string on_error = "fail";  ///< see on_error_names

  /// @throws InputError for an unknown word.
  OnError when_unusable() const { return on_error_names().at(on_error, "on_error"); }
  ColourChoice colour_choice() const;

  /// The preparation of one image. `colour` and `range` must not be auto any more.
  PreparationOptions preparation() const;
};

}  // namespace monge::data
