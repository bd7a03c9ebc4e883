#include "monge/io/image_notes.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge::io {
namespace {

constexpr std::array<const char*, kConversions> kConversionNames = {"plain", "CMYK", "16-bit", "palette",
                                                                    "few-bit grey"};

std::string images(int64_t count) { return text(count, count == 1 ? " image" : " images"); }

}  // namespace

std::string conversion_name(Conversion conversion) {
  return text("a ", kConversionNames[static_cast<size_t>(conversion)], " image");
}

std::string conversion_text(const ConversionCounts& counts) {
  std::vector<std::string> parts;
  int64_t total = 0;
  for (size_t kind = 1; kind < counts.size(); ++kind) {
    if (counts[kind] == 0) continue;
    parts.push_back(text(counts[kind], ' ', kConversionNames[kind]));
    total += counts[kind];
  }
  if (parts.empty()) return {};
  const auto last = parts.back();
  parts.pop_back();
  return text("converted ", join(parts), parts.empty() ? "" : " and ", last, total == 1 ? " image" : " images",
              " to 8-bit grey or RGB");
}

void NoteCounts::add(const ImageNotes& notes) {
  ++converted[static_cast<size_t>(notes.conversion)];
  upright += notes.upright;
  left_turned += notes.orientation != 1 && !notes.upright;
  without_end += notes.without_end;
  more_pages += notes.more_pages;
  cropped += notes.cropped;
  colour_dropped += notes.colour_dropped;
  grey += notes.grey;
  if (!notes.has_sixteen_bits()) return;
  ++sixteen_bit;
  least = std::min<int64_t>(least, notes.least);
  largest = std::max<int64_t>(largest, notes.largest);
}

void NoteCounts::add(const NoteCounts& more) {
  for (size_t kind = 0; kind < converted.size(); ++kind) converted[kind] += more.converted[kind];
  upright += more.upright;
  left_turned += more.left_turned;
  without_end += more.without_end;
  more_pages += more.more_pages;
  cropped += more.cropped;
  colour_dropped += more.colour_dropped;
  grey += more.grey;
  sixteen_bit += more.sixteen_bit;
  least = std::min(least, more.least);
  largest = std::max(largest, more.largest);
}

std::vector<std::string> note_lines(const NoteCounts& counts) {
  std::vector<std::string> out;
  if (auto line = conversion_text(counts.converted); !line.empty()) out.push_back(std::move(line));
  const auto say = [&out](int64_t count, const char* before, const char* after) {
    if (count > 0) out.push_back(text(before, images(count), after));
  };
  say(counts.upright, "turned ", " upright by the EXIF orientation");
  say(counts.left_turned, "kept ", " as stored, although the EXIF orientation is not upright (exif = \"ignore\")");
  say(counts.cropped, "cropped ", " to the middle square (crop = \"centre\")");
  say(counts.colour_dropped, "used the luma of ", " with colour");
  say(counts.more_pages, "used the first page or frame of ", " with several");
  say(counts.without_end, "accepted ", " with complete PNG data but without the IEND chunk");
  return out;
}

std::string unused_range_warning(const NoteCounts& counts, const std::string& key) {
  constexpr int64_t kEighth = 65536 / 8;
  if (counts.sixteen_bit == 0 || counts.largest <= counts.least || counts.largest - counts.least >= kEighth) return {};
  const auto fitting = range_holding(static_cast<int>(counts.least), static_cast<int>(counts.largest)).text();
  const double percent = 100.0 * static_cast<double>(counts.largest - counts.least + 1) / 65536;
  const auto who = counts.sixteen_bit == 1 ? std::string("the 16-bit image uses")
                                           : text("all ", counts.sixteen_bit, " 16-bit images together use");
  return text(who, " the values ", counts.least, "..", counts.largest, " of 0..65535, ",
              percent < 1 ? "less than 1" : text(static_cast<int64_t>(percent + 0.5)),
              " % of the range, so they have hardly any contrast; to scale them from all 16 bits, set ", key,
              " to auto or to ", fitting);
}

}  // namespace monge::io
