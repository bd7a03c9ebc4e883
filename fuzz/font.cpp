// Fuzzes the reader of fonts by FreeType: the map of characters, outlines, bitmaps, and the weight of variable fonts.
#include "monge/data/font.h"

#include <algorithm>

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(font) {
  using namespace monge;
  const std::string bytes(input);
  fuzz::accepted([&] {
    data::Font font(bytes, "fuzzed.ttf");
    fuzz::expect(font.glyphs() >= 0);
    fuzz::accepted([&] {
      for (const auto& [point, glyph] : font.characters()) fuzz::expect(glyph > 0);
    });
    fuzz::accepted([&] { font.set_weight(500); });
    const auto glyphs = std::min<int64_t>(font.glyphs(), 8);
    for (int64_t glyph = 0; glyph < glyphs; ++glyph) {
      fuzz::accepted([&] { font.outline(glyph); });
      fuzz::accepted([&] {
        const auto image = font.outline_image(glyph, 32);
        fuzz::expect(!image.defined() || image.sizes() == torch::IntArrayRef({32, 32}));
      });
    }
    if (!font.has_colour_bitmaps()) return;
    fuzz::accepted([&] { font.select_largest_strike(); });
    for (int64_t glyph = 0; glyph < glyphs; ++glyph) {
      fuzz::accepted([&] {
        const auto image = font.colour_image(glyph);
        fuzz::expect(!image.defined() || (image.dim() == 3 && image.size(0) == image.size(1) && image.size(2) == 3));
      });
    }
  });
}
