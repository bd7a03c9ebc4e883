// The glyphs of a font as a source: a set of small images that nearly every machine has.
#pragma once

#include <memory>
#include <string>

#include "monge/data/images.h"
#include "monge/data/source_kinds.h"
#include "monge/data/spec.h"
#include "monge/data/tensor_source.h"

namespace monge::data {

/// The colours of the images; "mode" of a line. Outlines are black on white in either.
enum class GlyphMode {
  colour,
  grey  ///< the luma (Rec. 601) in all three channels
};

struct GlyphOptions {
  int64_t size = 32;  ///< side of the images in pixels, [1, 1024]
  GlyphMode mode = GlyphMode::colour;
  SetPart part = {};            ///< of colour bitmaps, part k of n is every n-th image of a fixed random order
  double weight = 0;            ///< of the outlines of a variable font; 0: its usual one
  std::string ranges = {};      ///< only these characters, see CodePoints
  std::string characters = {};  ///< and these
};

/// Reads the images of a font, float32 [3, size, size] in [-1, 1].
///
/// A font with colour bitmaps (CBDT, sbix) gives these, named by glyph ("glyph01234"). Each is composited over white,
/// padded to a square and resized (bicubic). Their order depends on the glyph numbers alone, so the parts 1/n .. n/n
/// are disjoint, have the same law, and hold the same glyphs at every size and in either mode.
///
/// Any other font gives the outlines of its characters, see Font::outline_image, in the order of their code points and
/// named by them ("U+4E00"). Which part has a character depends on its code point alone; so part 1/2 of one font and
/// part 2/2 of another have no character in common.
///
/// Blank glyphs and repetitions are dropped.
/// @throws InputError for a missing file, a file that is not a font or has neither colour bitmaps nor outlines, a bad
///     option, characters that the font lacks, an empty part.
std::shared_ptr<const TensorSource> load_glyphs(const std::string& font_path, const GlyphOptions& options = {},
                                                const ProgressCallback& progress = {});

/// Reads them from a line "font:FILE.ttf?mode=grey|colour&part=k/n&size=S&weight=W&ranges=4E00-9FFF&characters=abc".
/// @param size, grey  the values used if the line gives none.
/// @throws InputError as above, or naming a bad parameter.
std::shared_ptr<const TensorSource> open_glyphs(const std::string& line, int64_t size, bool grey = false,
                                                const ProgressCallback& progress = {});

/// The row of source_kinds.h.
SourceKind glyph_kind();

}  // namespace monge::data
