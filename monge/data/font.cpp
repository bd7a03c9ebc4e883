#include "monge/data/font.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_BBOX_H
#include FT_MULTIPLE_MASTERS_H
#include FT_OUTLINE_H

#include <algorithm>
#include <cmath>
#include <new>

#include "monge/core/error.h"

namespace monge::data {

Font::Font(const std::string& bytes, std::string path) : path_(std::move(path)) {
  if (FT_Init_FreeType(&library_) != 0) throw std::bad_alloc();
  const auto* data = reinterpret_cast<const FT_Byte*>(bytes.data());
  if (FT_New_Memory_Face(library_, data, static_cast<FT_Long>(bytes.size()), 0, &face_) != 0) {
    FT_Done_FreeType(library_);
    throw InputError(text(path_, ": is not a font that FreeType can read; name a .ttf or .otf file"));
  }
}

Font::~Font() {
  FT_Done_Face(face_);
  FT_Done_FreeType(library_);
}

int64_t Font::glyphs() const { return face_->num_glyphs; }
bool Font::has_colour_bitmaps() const { return FT_HAS_COLOR(face_) && FT_HAS_FIXED_SIZES(face_); }
bool Font::has_outlines() const { return FT_IS_SCALABLE(face_); }

std::vector<std::pair<uint32_t, int64_t>> Font::characters() {
  require(FT_Select_Charmap(face_, FT_ENCODING_UNICODE) == 0, path_, ": the font does not say which characters it has");
  std::vector<std::pair<uint32_t, int64_t>> out;
  constexpr FT_ULong kLastCodePoint = 0x10FFFF;  // a damaged font may map every number of 32 bits
  FT_UInt glyph = 0;
  for (auto code = FT_Get_First_Char(face_, &glyph); glyph != 0 && code <= kLastCodePoint;
       code = FT_Get_Next_Char(face_, code, &glyph))
    out.emplace_back(static_cast<uint32_t>(code), glyph);
  return out;
}

void Font::set_weight(double weight) {
  constexpr FT_ULong kWeight = FT_MAKE_TAG('w', 'g', 'h', 't');
  constexpr double kOne = 65536;  // numbers are in 16.16
  FT_MM_Var* axes = nullptr;
  const bool variable = FT_HAS_MULTIPLE_MASTERS(face_) && FT_Get_MM_Var(face_, &axes) == 0;
  double least = 0, most = -1;
  std::vector<FT_Fixed> place;
  for (FT_UInt i = 0; variable && i < axes->num_axis; ++i) {
    const auto& axis = axes->axis[i];
    place.push_back(axis.def);
    if (axis.tag != kWeight) continue;
    least = static_cast<double>(axis.minimum) / kOne;
    most = static_cast<double>(axis.maximum) / kOne;
    place.back() = std::lround(weight * kOne);
  }
  if (variable) FT_Done_MM_Var(library_, axes);
  require(least <= most, path_, ": weight = ", weight,
          ": the font has one weight; leave weight out, or name a font for it");
  require(weight >= least && weight <= most, path_, ": weight = ", weight, ": the weights of this font are ", least,
          " to ", most);
  const bool set = FT_Set_Var_Design_Coordinates(face_, static_cast<FT_UInt>(place.size()), place.data()) == 0;
  require(set, path_, ": FreeType cannot set the weight ", weight);
}

void Font::select_largest_strike() {
  const auto* first = face_->available_sizes;
  const auto* largest = std::max_element(first, first + face_->num_fixed_sizes,
                                         [](const auto& a, const auto& b) { return a.height < b.height; });
  FT_Select_Size(face_, static_cast<FT_Int>(largest - first));
}

torch::Tensor Font::colour_image(int64_t glyph) {
  const auto load = [&](FT_Int32 flags) { return FT_Load_Glyph(face_, static_cast<FT_UInt>(glyph), flags) == 0; };
  // A few bytes may claim a bitmap of gigabytes, which FreeType would allocate.
  constexpr unsigned kMostSide = 2048;
  if (!load(FT_LOAD_COLOR | FT_LOAD_BITMAP_METRICS_ONLY)) return {};
  if (const auto& claimed = face_->glyph->bitmap; std::max(claimed.rows, claimed.width) > kMostSide) {
    throw InputError({.what = text("the bitmap of the glyph ", glyph, " is too large"),
                      .where = path_,
                      .value = text(claimed.width, " x ", claimed.rows, " pixels"),
                      .allowed = text("up to ", kMostSide, " x ", kMostSide)});
  }
  if (!load(FT_LOAD_COLOR)) return {};
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

std::string Font::outline(int64_t glyph) {
  if (FT_Load_Glyph(face_, static_cast<FT_UInt>(glyph), FT_LOAD_NO_SCALE | FT_LOAD_NO_BITMAP) != 0) return {};
  if (face_->glyph->format != FT_GLYPH_FORMAT_OUTLINE) return {};
  const auto& shape = face_->glyph->outline;
  std::string out;
  const auto add = [&out](const auto* values, int count) {
    out.append(reinterpret_cast<const char*>(values), sizeof *values * static_cast<size_t>(count));
  };
  add(shape.points, shape.n_points);
  add(shape.tags, shape.n_points);
  add(shape.contours, shape.n_contours);
  return out;
}

torch::Tensor Font::outline_image(int64_t glyph, int64_t side) {
  const FT_Pos pixels = static_cast<FT_Pos>(side) * 64;  // in 26.6
  if (FT_Set_Char_Size(face_, 0, pixels * 7 / 8, 0, 0) != 0) return {};
  constexpr auto kFlags = FT_LOAD_NO_HINTING | FT_LOAD_NO_BITMAP;
  if (FT_Load_Glyph(face_, static_cast<FT_UInt>(glyph), kFlags) != 0) return {};
  if (face_->glyph->format != FT_GLYPH_FORMAT_OUTLINE) return {};
  auto& shape = face_->glyph->outline;
  FT_BBox box;
  if (FT_Outline_Get_BBox(&shape, &box) != 0) return {};
  if (const FT_Pos extent = std::max(box.xMax - box.xMin, box.yMax - box.yMin), most = pixels * 15 / 16;
      extent > most) {
    const FT_Fixed scale = FT_DivFix(most, extent);
    const FT_Matrix smaller{scale, 0, 0, scale};
    FT_Outline_Transform(&shape, &smaller);
    if (FT_Outline_Get_BBox(&shape, &box) != 0) return {};
  }
  FT_Outline_Translate(&shape, (pixels - box.xMin - box.xMax) / 2, (pixels - box.yMin - box.yMax) / 2);

  auto out = torch::empty({side, side}, torch::kUInt8);
  uint8_t* values = out.data_ptr<uint8_t>();
  std::fill_n(values, side * side, uint8_t{0});
  FT_Bitmap bitmap{};
  bitmap.rows = bitmap.width = static_cast<unsigned>(side);
  bitmap.pitch = static_cast<int>(side);
  bitmap.buffer = values;
  bitmap.num_grays = 256;
  bitmap.pixel_mode = FT_PIXEL_MODE_GRAY;
  if (FT_Outline_Get_Bitmap(library_, &shape, &bitmap) != 0) return {};
  uint8_t darkest = 0;
  for (int64_t i = 0; i < side * side; ++i) {
    darkest = std::max(darkest, values[i]);
    values[i] = static_cast<uint8_t>(255 - values[i]);
  }
  return darkest == 0 ? torch::Tensor() : out;
}

}  // namespace monge::data
