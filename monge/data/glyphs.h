// The colour glyphs of a font as a source: a set of small images that nearly every machine has.
#pragma once

#include <memory>
#include <string>

#include "monge/data/images.h"
#include "monge/data/source_kinds.h"
#include "monge/data/tensor_source.h"

namespace monge::data {

/// The colours of the images; "mode" of a line.
enum class GlyphMode {
  colour,
  grey  ///< the luma (Rec. 601) in all three channels
};

struct GlyphOptions {
  int64_t size = 32;  ///< side of the images in pixels, [1, 1024]
  GlyphMode mode = GlyphMode::colour;
  int64_t part = 1, parts = 1;  ///< part k of n is every n-th image of a fixed random order
};

/// Reads the images of a font with colour bitmaps (CBDT, sbix), float32 [3, size, size] in [-1, 1], named by glyph
/// ("glyph01234").
///
/// Each is composited over white, padded to a square and resized (bicubic). Blank glyphs and repetitions are dropped.
/// The order of the rest depends on the glyph numbers alone, so the parts 1/n .. n/n are disjoint, have the same law,
/// and hold the same glyphs at every size and in either mode.
/// @throws InputError for a missing file, a file that is not a font or has no colour bitmaps, a bad option, an empty
///     part.
std::shared_ptr<const TensorSource> load_glyphs(const std::string& font_path, const GlyphOptions& options = {},
                                                const ProgressCallback& progress = {});

/// Reads them from a line "font:FILE.ttf?mode=grey|colour&part=k/n&size=S".
/// @param size, grey  the values used if the line gives none.
/// @throws InputError as above, or naming a bad parameter.
std::shared_ptr<const TensorSource> open_glyphs(const std::string& line, int64_t size, bool grey = false,
                                                const ProgressCallback& progress = {});

/// The row of source_kinds.h.
SourceKind glyph_kind();

}  // namespace monge::data
