// The colour images of a font as a source: a set of small images that is on nearly every machine.
#pragma once

#include <memory>
#include <string>

#include "monge/data/images.h"
#include "monge/data/source_kinds.h"
#include "monge/data/tensor_source.h"

namespace monge::data {

/// What the images of a font are made of, "mode" of a line.
enum class GlyphMode {
  colour,
  grey  ///< the luma (Rec. 601) in all three channels
};

struct GlyphOptions {
  int64_t size = 32;  ///< side of the images in pixels, [1, 1024]
  GlyphMode mode = GlyphMode::colour;
  int64_t part = 1, parts = 1;  ///< part k of n: every n-th image of a fixed random order
};

/// Images of a font with colour bitmaps (CBDT, sbix), float32 [3, size, size] in [-1, 1], named by glyph
/// ("glyph01234").
///
/// Each is composited over white, padded to a square and resized (bicubic). Blank glyphs and repetitions are dropped,
/// the rest is put in an order that depends on the glyph numbers alone; so the parts 1/n .. n/n are disjoint, alike in
/// law, and hold the same glyphs at every size and in either mode.
/// @throws InputError  no such file, not a font, no colour bitmaps, a bad option, a part that is empty.
std::shared_ptr<const TensorSource> load_glyphs(const std::string& font_path, const GlyphOptions& options = {},
                                                const ProgressCallback& progress = {});

/// The same from "font:FILE.ttf?mode=grey|colour&part=k/n&size=S".
/// @param size, grey  what holds where the line says nothing. @throws InputError as above, or naming a bad parameter.
std::shared_ptr<const TensorSource> open_glyphs(const std::string& line, int64_t size, bool grey = false,
                                                const ProgressCallback& progress = {});

/// The row of source_kinds.h.
SourceKind glyph_kind();

}  // namespace monge::data
