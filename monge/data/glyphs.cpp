#include "monge/data/glyphs.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <mutex>
#include <set>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/data/parallel.h"
#include "monge/data/spec.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"

namespace monge::data {
namespace {

/// A font opened from memory at its largest strike. Not thread-safe.
class Font {
 public:
  /// @param bytes  the file; must outlive the object.
  Font(const std::string& bytes, const std::string& path) {
    if (FT_Init_FreeType(&library_) != 0) throw std::bad_alloc();
    const auto* data = reinterpret_cast<const FT_Byte*>(bytes.data());
    if (FT_New_Memory_Face(library_, data, static_cast<FT_Long>(bytes.size()), 0, &face_) != 0) {
      FT_Done_FreeType(library_);
      throw InputError(
          text(path, ": is not a font that FreeType can read; name a .ttf or .otf file with colour bitmaps"));
    }
  }
  ~Font() {
    FT_Done_Face(face_);
    FT_Done_FreeType(library_);
  }
  Font(const Font&) = delete;
  Font& operator=(const Font&) = delete;

  int64_t glyphs() const { return face_->num_glyphs; }
  bool has_colour_bitmaps() const { return FT_HAS_COLOR(face_) && FT_HAS_FIXED_SIZES(face_); }

  void select_largest_strike() {
    const auto* first = face_->available_sizes;
    const auto* largest = std::max_element(first, first + face_->num_fixed_sizes,
                                           [](const auto& a, const auto& b) { return a.height < b.height; });
    FT_Select_Size(face_, static_cast<FT_Int>(largest - first));
  }

  /// The glyph over white in the middle of a square, uint8 [S, S, 3]; undefined when it has no colour bitmap or is
  /// blank.
  torch::Tensor image(int64_t glyph) {
    if (FT_Load_Glyph(face_, static_cast<FT_UInt>(glyph), FT_LOAD_COLOR) != 0) return {};
    const auto& bitmap = face_->glyph->bitmap;
    const int64_t height = bitmap.rows, width = bitmap.width;
    if (bitmap.pixel_mode != FT_PIXEL_MODE_BGRA || height == 0 || width == 0) return {};
    const int64_t side = std::max(height, width);
    auto out = torch::empty({side, side, 3}, torch::kUInt8);
    uint8_t* square = out.data_ptr<uint8_t>();
    std::fill_n(square, side * side * 3, uint8_t{255});
    bool blank = true;
    for (int64_t y = 0; y < height; ++y) {
      const uint8_t* from = bitmap.buffer + y * bitmap.pitch;
      uint8_t* to = square + (((side - height) / 2 + y) * side + (side - width) / 2) * 3;
      for (int64_t x = 0; x < width; ++x, from += 4, to += 3) {
        for (int c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(std::min(from[2 - c] + 255 - from[3], 255));
        blank = blank && to[0] == 255 && to[1] == 255 && to[2] == 255;
      }
    }
    return blank ? torch::Tensor() : out;
  }

 private:
  FT_Library library_ = nullptr;
  FT_Face face_ = nullptr;
};

const ValueNames<GlyphMode>& glyph_modes() {
  static const ValueNames<GlyphMode> names{{"colour", GlyphMode::colour}, {"grey", GlyphMode::grey}};
  return names;
}

struct Glyph {
  uint64_t order = 0;  ///< place in the fixed random order
  int64_t index = 0;
  std::string hash;  ///< of the image before it is resized
  torch::Tensor rgb_HWC;
};

std::string_view bytes_of(const torch::Tensor& image) {
  return {reinterpret_cast<const char*>(image.data_ptr<uint8_t>()), static_cast<size_t>(image.numel())};
}

/// All images of the font by glyph number.
std::vector<Glyph> read_images(const std::string& path, int64_t size, const ProgressCallback& progress) {
  const auto bytes = real_files().read(path);
  const Font probe(bytes, path);
  require(probe.has_colour_bitmaps(), path,
          ": the font has no colour bitmaps (CBDT or sbix); use one that has, such as NotoColorEmoji.ttf");
  std::vector<Glyph> glyphs(static_cast<size_t>(probe.glyphs()));
  std::mutex guard;
  int64_t done = 0;
  for_each_parallel(probe.glyphs(), [&] {
    auto font = std::make_shared<Font>(bytes, path);
    font->select_largest_strike();
    return [&, font](int64_t i) {
      const auto image = font->image(i);
      if (image.defined()) {
        glyphs[static_cast<size_t>(i)] = {stream_seed(0, "glyph", i), i, content_hash(bytes_of(image)),
                                          io::resize_uint8(image, size, size, io::Filter::bicubic)};
      }
      if (!progress) return;
      const std::lock_guard lock(guard);
      progress(++done, static_cast<int64_t>(glyphs.size()));
    };
  });
  std::erase_if(glyphs, [](const Glyph& glyph) { return glyph.hash.empty(); });
  return glyphs;
}

}  // namespace

std::shared_ptr<const TensorSource> load_glyphs(const std::string& font_path, const GlyphOptions& options,
                                                const ProgressCallback& progress) {
  require(options.size >= 1 && options.size <= 1024, "size: the side of the images must be 1 to 1024, got ",
          options.size);
  require(options.part >= 1 && options.part <= options.parts, "part: must be k/n with 1 <= k <= n, got ", options.part,
          "/", options.parts);

  auto glyphs = read_images(font_path, options.size, progress);
  std::set<std::string> seen;
  std::erase_if(glyphs, [&](const Glyph& glyph) { return !seen.insert(glyph.hash).second; });
  std::sort(glyphs.begin(), glyphs.end(), [](const Glyph& a, const Glyph& b) { return a.order < b.order; });

  std::vector<torch::Tensor> images;
  std::vector<std::string> names;
  for (auto i = static_cast<size_t>(options.part - 1); i < glyphs.size(); i += static_cast<size_t>(options.parts)) {
    const auto& rgb = glyphs[i].rgb_HWC;
    images.push_back((options.mode == GlyphMode::grey ? io::to_grey(rgb) : rgb).permute({2, 0, 1}));
    char name[24];
    std::snprintf(name, sizeof name, "glyph%05lld", static_cast<long long>(glyphs[i].index));
    names.emplace_back(name);
  }
  require(!images.empty(), font_path, ": part ", options.part, "/", options.parts, " of its ", glyphs.size(),
          " images is empty; take fewer parts");
  const auto name =
      text("font:", font_path, "?mode=", glyph_modes().name(options.mode), "&part=", options.part, "/", options.parts);
  return std::make_shared<TensorSource>(name, torch::stack(images), std::move(names));
}

std::shared_ptr<const TensorSource> open_glyphs(const std::string& line, int64_t size, bool grey,
                                                const ProgressCallback& progress) {
  Spec spec(line);
  GlyphOptions options;
  options.size = spec.integer("size", size, 1, 1024);
  options.mode = spec.choice("mode", grey ? GlyphMode::grey : GlyphMode::colour, glyph_modes());
  const auto part = spec.word("part", "1/1");
  spec.refuse_unknown();
  require(!spec.name().empty(), line, ": names no font file; the form is font:FILE.ttf?mode=grey&part=1/2");

  const auto* end = part.data() + part.size();
  const auto k = std::from_chars(part.data(), end, options.part);
  const bool slash = k.ec == std::errc() && k.ptr != end && *k.ptr == '/';
  const auto n = slash ? std::from_chars(k.ptr + 1, end, options.parts) : k;
  const bool fits = slash && n.ec == std::errc() && n.ptr == end && options.part >= 1 && options.part <= options.parts;
  require(fits, line, ": part must be k/n with 1 <= k <= n, such as 1/2, got \"", part, "\"");
  return load_glyphs(spec.name(), options, progress);
}

SourceKind glyph_kind() {
  return {.name = "colour images of a font",
          .prefix = "font",
          .help = "font:FILE.ttf?mode=grey&part=1/2",
          .accepted = "font:FILE.ttf",
          .place = 120,
          .open = [](const SourceOptions& options, const LogSink&, const ProgressCallback& progress) {
            return open_glyphs(options.path, options.images.size, options.images.grey, progress);
          }};
}

}  // namespace monge::data
