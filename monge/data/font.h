// A font file opened by FreeType. Internal to the sources of glyphs.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

struct FT_LibraryRec_;
struct FT_FaceRec_;

namespace monge::data {

/// One face of a font. Not thread-safe; each thread opens its own.
class Font {
 public:
  /// @param bytes  the file; must outlive the object.
  /// @param path   for messages.
  /// @throws InputError for a file that FreeType cannot read.
  Font(const std::string& bytes, std::string path);
  Font(std::string&& bytes, std::string path) = delete;
  ~Font();
  Font(const Font&) = delete;
  Font& operator=(const Font&) = delete;

  int64_t glyphs() const;
  bool has_colour_bitmaps() const;  ///< CBDT or sbix
  bool has_outlines() const;

  /// The code points of the font and their glyphs, in the order of the code points.
  /// @throws InputError for a font without a Unicode map.
  std::vector<std::pair<uint32_t, int64_t>> characters();

  /// Sets the weight of a variable font, 400 regular and 700 bold as in OpenType.
  /// @throws InputError for a font without such an axis, or a weight beyond its range.
  void set_weight(double weight);

  /// Selects the largest bitmaps for colour_image.
  void select_largest_strike();

  /// The colour bitmap over white in the middle of a square, uint8 [S, S, 3]; undefined when there is none or it is
  /// blank.
  /// @throws InputError when it has a side of more than 2,048 pixels.
  torch::Tensor colour_image(int64_t glyph);

  /// Points and contours in the units of the font, the same at every size; "" for a glyph without an outline.
  std::string outline(int64_t glyph);

  /// The outline in black on white, antialiased, with its bounding box in the middle: uint8 [side, side]. An em is 7/8
  /// of the side; a glyph that is larger than 15/16 of the side is shrunk to it. Undefined for a blank glyph.
  torch::Tensor outline_image(int64_t glyph, int64_t side);

 private:
  std::string path_;
  FT_LibraryRec_* library_ = nullptr;
  FT_FaceRec_* face_ = nullptr;
};

}  // namespace monge::data
