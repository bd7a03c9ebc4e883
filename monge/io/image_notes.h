// Observations about a decoded image that a user should know, and their counts over a set.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/sample_range.h"

namespace monge::io {

/// The kind of an image before its conversion to 8-bit grey or RGB.
enum class Conversion : uint8_t {
  none,         ///< 8 bits per channel already
  cmyk,         ///< CMYK and YCCK JPEG, CMYK TIFF; no profile is applied, so colours may differ from those in a viewer
  sixteen_bit,  ///< 16-bit PNG or TIFF, rounded
  palette,      ///< palette PNG or TIFF; nothing is lost
  few_bits,     ///< grey of 1, 2 or 4 bits; nothing is lost
};
inline constexpr int kConversions = 5;

/// "a CMYK image".
std::string conversion_name(Conversion conversion);

/// The number of images of each kind, indexed by Conversion.
using ConversionCounts = std::array<int64_t, kConversions>;

/// "converted 3 CMYK and 2 16-bit images to 8-bit grey or RGB"; "" when nothing but `none` was counted.
std::string conversion_text(const ConversionCounts& counts);

/// The observations about one image.
struct ImageNotes {
  Conversion conversion = Conversion::none;
  bool grey = false;                    ///< the file has one channel, or one and alpha
  uint8_t orientation = 1;              ///< by EXIF, 1..8; 1: stored upright
  bool upright = false;                 ///< the decoder applied the orientation
  bool without_end = false;             ///< a PNG with complete image data and without its IEND chunk
  bool more_pages = false;              ///< a TIFF of several images or an animated PNG, of which the first was taken
  bool drawn = false;                   ///< an SVG file, drawn at the size of the result: DecodeOptions::view
  bool cropped = false;                 ///< the image is not square, and the centre crop removed a part
  bool colour_dropped = false;          ///< the image has colour, and only its luma was used
  uint16_t least = 65535, largest = 0;  ///< samples of a 16-bit image without its alpha, before any scaling

  bool has_sixteen_bits() const { return least <= largest; }
};

/// ImageNotes summed over images.
struct NoteCounts {
  ConversionCounts converted{};
  int64_t upright = 0, left_turned = 0;  ///< orientation applied; orientation not applied
  int64_t without_end = 0, more_pages = 0, cropped = 0, colour_dropped = 0;
  int64_t grey = 0;                    ///< files of one channel, or one and alpha
  int64_t sixteen_bit = 0;             ///< 16-bit images
  int64_t least = 65535, largest = 0;  ///< samples of the 16-bit images

  void add(const ImageNotes& notes);
  void add(const NoteCounts& more);
};

/// Sentences without a full stop for all that was counted: "brought 3 images upright by their EXIF orientation".
std::vector<std::string> note_lines(const NoteCounts& counts);

/// A warning if all 16-bit images together use less than 1/8 of 0..65535, with the option that mends it; otherwise "".
/// @param key  the option that sets the range: "source.range", "--range".
std::string unused_range_warning(const NoteCounts& counts, const std::string& key);

}  // namespace monge::io
