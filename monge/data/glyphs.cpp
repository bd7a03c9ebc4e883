#include "monge/data/glyphs.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/core/random.h"
#include "monge/data/code_points.h"
#include "monge/data/font.h"
#include "monge/data/parallel.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"

namespace monge::data {
namespace {

constexpr int64_t kMostGlyphSide = 1024;

const ValueNames<GlyphMode>& glyph_modes() {
  static const ValueNames<GlyphMode> names{{"colour", GlyphMode::colour}, {"grey", GlyphMode::grey}};
  return names;
}

/// A glyph that may become an image.
struct Glyph {
  uint64_t order = 0;  ///< place in the set
  int64_t index = 0;
  std::string name, hash;  ///< hash: of its shape before it is drawn at a size
  torch::Tensor image;     ///< uint8 [S, S, 3]; undefined if it is blank
};

/// Drops repetitions of a shape, all but the first.
void drop_repetitions(std::vector<Glyph>& glyphs) {
  std::set<std::string> seen;
  std::erase_if(glyphs, [&](const Glyph& glyph) { return !seen.insert(glyph.hash).second; });
}

/// Calls `fill(font, glyph)` for all glyphs, on all cores with a font each, and drops those without an image.
/// @param prepare  is called with each font first.
template <class Prepare, class Fill>
void fill_glyphs(const std::string& bytes, const std::string& path, std::vector<Glyph>& glyphs,
                 const ProgressCallback& progress, const Prepare& prepare, const Fill& fill) {
  std::mutex guard;
  int64_t done = 0;
  const auto total = static_cast<int64_t>(glyphs.size());
  for_each_parallel(total, [&] {
    auto font = std::make_shared<Font>(bytes, path);
    prepare(*font);
    return [&, font](int64_t i) {
      fill(*font, glyphs[static_cast<size_t>(i)]);
      if (!progress) return;
      const std::lock_guard lock(guard);
      progress(++done, total);
    };
  });
  std::erase_if(glyphs, [](const Glyph& glyph) { return !glyph.image.defined(); });
}

/// The chosen characters of a font, by their glyphs. @throws InputError when it lacks one that was named, or has none.
std::vector<std::pair<uint32_t, int64_t>> chosen_characters(Font& font, const std::string& path,
                                                            const CodePoints& wanted) {
  auto out = font.characters();
  std::erase_if(out, [&](const auto& character) { return !wanted.contains(character.first); });
  std::vector<std::string> lacking;
  for (const uint32_t code : wanted.characters()) {
    const bool there = std::any_of(out.begin(), out.end(), [&](const auto& own) { return own.first == code; });
    if (!there) lacking.push_back(code_point_name(code));
  }
  require(lacking.empty(), path, ": the font lacks ", lacking.size(), " of the characters: ", join(lacking));
  require(!out.empty(), path, ": the font has none of the chosen characters");
  return out;
}

/// All colour images of the font, or those of the chosen characters, in their fixed random order.
std::vector<Glyph> colour_images(const std::string& bytes, const std::string& path, const GlyphOptions& options,
                                 const CodePoints& wanted, const ProgressCallback& progress) {
  Font probe(bytes, path);
  std::set<int64_t> chosen;
  if (wanted.is_all()) {
    for (int64_t i = 0; i < probe.glyphs(); ++i) chosen.insert(chosen.end(), i);
  } else {
    for (const auto& [code, glyph] : chosen_characters(probe, path, wanted)) chosen.insert(glyph);
  }
  std::vector<Glyph> glyphs;
  for (const int64_t index : chosen) {
    char name[24];
    std::snprintf(name, sizeof name, "glyph%05lld", static_cast<long long>(index));
    glyphs.push_back({.order = stream_seed(0, "glyph", index), .index = index, .name = name, .hash = {}, .image = {}});
  }
  const auto prepare = [](Font& font) { font.select_largest_strike(); };
  fill_glyphs(bytes, path, glyphs, progress, prepare, [&](Font& font, Glyph& glyph) {
    const auto image = font.colour_image(glyph.index);
    if (!image.defined()) return;
    glyph.hash =
        content_hash({reinterpret_cast<const char*>(image.data_ptr<uint8_t>()), static_cast<size_t>(image.numel())});
    glyph.image = io::resize_uint8(image, options.size, options.size, io::Filter::bicubic);
    if (options.mode == GlyphMode::grey) glyph.image = io::to_grey(glyph.image);
  });
  drop_repetitions(glyphs);
  std::sort(glyphs.begin(), glyphs.end(), [](const Glyph& a, const Glyph& b) { return a.order < b.order; });
  std::vector<Glyph> out;
  for (auto i = static_cast<size_t>(options.part.index - 1); i < glyphs.size();
       i += static_cast<size_t>(options.part.count)) {
    out.push_back(std::move(glyphs[i]));
  }
  return out;
}

/// The outlines of the chosen characters, in the order of their code points.
std::vector<Glyph> outline_images(const std::string& bytes, const std::string& path, const GlyphOptions& options,
                                  const CodePoints& wanted, const ProgressCallback& progress) {
  const auto prepare = [&](Font& font) {
    if (options.weight != 0) font.set_weight(options.weight);
  };
  Font probe(bytes, path);
  prepare(probe);  // in this thread, so that its error ends the others
  std::vector<Glyph> glyphs;
  for (const auto& [code, index] : chosen_characters(probe, path, wanted)) {
    const auto outline = probe.outline(index);
    if (outline.empty()) continue;
    glyphs.push_back(
        {.order = code, .index = index, .name = code_point_name(code), .hash = content_hash(outline), .image = {}});
  }
  drop_repetitions(glyphs);  // of all parts, so that no two parts share a shape
  std::erase_if(glyphs, [&](const Glyph& glyph) { return !options.part.holds(glyph.name); });
  fill_glyphs(bytes, path, glyphs, progress, prepare, [&](Font& font, Glyph& glyph) {
    const auto image = font.outline_image(glyph.index, options.size);
    if (image.defined()) glyph.image = image.unsqueeze(2).expand({-1, -1, 3});
  });
  return glyphs;
}

/// The options as a part of the source's name.
std::string option_words(const GlyphOptions& options, bool colour) {
  const auto part = text("part=", options.part.index, "/", options.part.count);
  std::string out = colour ? text("mode=", glyph_modes().name(options.mode), "&", part) : part;
  if (options.weight != 0) out += text("&weight=", options.weight);
  if (!options.ranges.empty()) out += text("&ranges=", options.ranges);
  if (!options.characters.empty()) out += text("&characters=", options.characters);
  return out;
}

}  // namespace

std::shared_ptr<const TensorSource> load_glyphs(const std::string& font_path, const GlyphOptions& options,
                                                const ProgressCallback& progress) {
  require(options.size >= 1 && options.size <= kMostGlyphSide, "size: the side of the images must be 1 to ",
          kMostGlyphSide, ", got ", options.size);
  require(options.part.index >= 1 && options.part.index <= options.part.count,
          "part: must be k/n with 1 <= k <= n, got ", options.part.index, "/", options.part.count);
  const CodePoints wanted(options.ranges, options.characters, font_path);
  const auto bytes = real_files().read(font_path);
  const Font probe(bytes, font_path);
  const bool colour = probe.has_colour_bitmaps();
  require(colour || probe.has_outlines(), font_path,
          ": the font has neither outlines nor colour bitmaps (CBDT or sbix); use a .ttf or .otf file that has");
  require(!colour || options.weight == 0, font_path,
          ": weight is for outlines, and this font is used for its colour bitmaps; leave weight out");
  const auto glyphs = colour ? colour_images(bytes, font_path, options, wanted, progress)
                             : outline_images(bytes, font_path, options, wanted, progress);
  require(!glyphs.empty(), font_path, ": part ", options.part.index, "/", options.part.count,
          " of the chosen glyphs is empty; use fewer parts, or choose more characters");
  std::vector<torch::Tensor> images;
  std::vector<std::string> names;
  for (const auto& glyph : glyphs) {
    images.push_back(glyph.image.permute({2, 0, 1}));
    names.push_back(glyph.name);
  }
  const auto name = text("font:", font_path, "?", option_words(options, colour));
  return std::make_shared<TensorSource>(name, torch::stack(images), std::move(names));
}

std::shared_ptr<const TensorSource> open_glyphs(const std::string& line, int64_t size, bool grey,
                                                const ProgressCallback& progress) {
  Spec spec(line);
  GlyphOptions options;
  options.size = spec.integer("size", size, 1, kMostGlyphSide);
  options.mode = spec.choice("mode", grey ? GlyphMode::grey : GlyphMode::colour, glyph_modes());
  options.part = spec.part("part");
  constexpr double kMostWeight = 1000;  // of OpenType
  options.weight = spec.number("weight", 0, 1, kMostWeight);
  options.ranges = spec.word("ranges", "");
  options.characters = spec.word("characters", "");
  spec.refuse_unknown();
  require(!spec.name().empty(), line, ": names no font file; the form is font:FILE.ttf?mode=grey&part=1/2");
  for (const char* key : {"ranges", "characters"}) {
    require(!spec.has(key) || !(options.ranges + options.characters).empty(), line, ": ", key, "= names no characters");
  }
  return load_glyphs(spec.name(), options, progress);
}

SourceKind glyph_kind() {
  return {.name = "glyphs of a font",
          .prefix = "font",
          .help = "font:FILE.ttf?mode=grey&part=1/2",
          .accepted = "font:FILE.ttf",
          .place = 120,
          .open = [](const SourceOptions& options, const LogSink&, const ProgressCallback& progress) {
            const auto& size = options.images.size;
            require(size.square(), options.path, ": the images of a font are squares; got size = ", text_of(size));
            return open_glyphs(options.path, size.width, options.images.grey, progress);
          }};
}

}  // namespace monge::data
