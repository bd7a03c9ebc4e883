// Fuzzes the reader of SVG: what is examined before librsvg gets the text, and the drawing. The first line of an input
// has the groups that are drawn, separated by commas; an empty line draws all.
#include <algorithm>

#include "fuzz/target.h"
#include "monge/io/image.h"
#include "monge/io/svg_markup.h"

MONGE_FUZZ_TARGET(svg) {
  using namespace monge;
  auto groups = fuzz::take_line(input);
  const auto markup = io::read_svg_markup(input);
  fuzz::expect(markup.elements >= 0 && markup.elements <= static_cast<int64_t>(input.size()));
  fuzz::expect(static_cast<int64_t>(markup.groups.size()) <= markup.elements);
  if (!io::is_svg(input)) return;
  io::DecodeOptions options;
  options.most_pixels = int64_t{1} << 14;
  while (!groups.empty()) {
    const auto name = groups.substr(0, groups.find(','));
    options.groups.emplace_back(name);
    groups.remove_prefix(std::min(name.size() + 1, groups.size()));
  }
  io::ImageNotes notes;
  torch::Tensor image;
  if (!fuzz::accepted([&] { image = io::decode_image(input, "fuzzed.svg", options, &notes); })) return;
  fuzz::expect(markup.refusal.empty());
  fuzz::expect(image.dim() == 3 && image.size(2) == 4 && image.numel() > 0);
  fuzz::expect(image.size(0) * image.size(1) <= options.most_pixels);
}
