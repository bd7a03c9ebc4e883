// SVG by librsvg. Files are drawn at the size that is wanted, since they have no pixels of their own.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/codec.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/svg_drawing.h"
#include "monge/io/svg_markup.h"
#include "monge/io/worker_process.h"

namespace monge::io {
namespace {

/// Enough for the most elements that are drawn inside each other, and for every bracket to be nested in all others:
/// librsvg 2.54 needs up to 7 KiB for an element and 4 KiB for a bracket of a style sheet.
int64_t stack_bytes(const SvgMarkup& markup) {
  constexpr int64_t kBase = 1 << 20, kElement = 16 << 10, kBracket = 8 << 10;
  return kBase + markup.deepest * kElement + markup.most_brackets * kBracket;
}

/// A style sheet that hides all but the chosen groups.
/// @throws InputError when the file has none of them.
std::string style_of(const SvgMarkup& markup, const std::vector<std::string>& chosen, const std::string& name) {
  std::string kept;
  for (const auto& id : markup.groups) {
    if (!is_chosen_group(id, chosen)) continue;
    kept += ":not([id=\"";
    for (const char c : id) {  // CSS has its own escapes, and a name may hold quotes
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\%x ", static_cast<unsigned char>(c));
      kept += c == '"' || c == '\\' || (c >= 0 && c < 32) ? std::string(escaped) : std::string(1, c);
    }
    kept += "\"])";
  }
  if (kept.empty()) {
    throw InputError({.what = "the drawing has none of the chosen groups",
                      .where = name,
                      .value = join(chosen),
                      .allowed = markup.groups.empty() ? "it has no top-level groups with an id" : join(markup.groups),
                      .fix = "choose others by ?groups=, or leave the file out"});
  }
  return ":root > *:not(g) { display: none !important; } :root > g" + kept + " { display: none !important; }";
}

/// The whole drawing on pixels of its own size, at least one.
VectorView whole_view(const DrawingSize& size) {
  VectorView out{.width = size.width, .height = size.height};
  out.columns = std::max<int64_t>(1, std::llround(size.width));
  out.rows = std::max<int64_t>(1, std::llround(size.height));
  return out;
}

/// Cairo's pixels, colours multiplied by alpha in one native integer, as RGBA without the factor.
torch::Tensor straight_rgba(const std::vector<char>& pixels, const VectorView& view) {
  auto out = torch::empty({view.rows, view.columns, 4}, torch::kUInt8);
  uint8_t* to = out.data_ptr<uint8_t>();
  for (size_t at = 0; at < pixels.size(); at += 4, to += 4) {
    uint32_t pixel = 0;
    std::memcpy(&pixel, pixels.data() + at, sizeof pixel);
    const uint32_t alpha = pixel >> 24;
    for (int c = 0; c < 3; ++c) {
      const uint32_t colour = pixel >> (16 - 8 * c) & 255;
      to[c] = static_cast<uint8_t>(alpha == 0 ? 0 : std::min<uint32_t>(255, (colour * 255 + alpha / 2) / alpha));
    }
    to[3] = static_cast<uint8_t>(alpha);
  }
  return out;
}

// Drawings are mostly drawn at the size of a training set.
constexpr int64_t kFirstPixels = 512 * 512;

/// What librsvg 2.54 takes for a parsed file, for its recursion (see stack_bytes()), and for the path or the text that
/// it draws. Measured: up to 57 bytes for a byte of a path or of a style sheet, 194 where a path of arcs or of round
/// ends is drawn, 12,000 for a byte of text.
int64_t parsed_bytes(const SvgMarkup& markup, int64_t length) {
  constexpr int64_t kFixed = 8 << 20, kElement = 4 << 10, kLevel = 8 << 10, kByte = 64, kDrawn = 200, kText = 16 << 10;
  return kFixed + markup.elements * kElement + (markup.deepest + markup.most_brackets) * kLevel +
         (length + markup.expanded) * kByte + markup.longest_tag * kDrawn + markup.longest_text * kText;
}

/// What is taken for each pixel: the surface, the result and its preparation, the results of filters, and for each
/// layer what is drawn to it and its mask. The drawing process may allocate no more.
int64_t pixel_bytes(const SvgMarkup& markup) { return 4 * (6 + markup.filters + 2 * markup.layers); }

/// Whether a drawing may well take more memory than can be told from its text: masks, patterns, markers and filters
/// draw each other in chains, and the tiles of patterns have any size; cairo 1.16 keeps each crossing of a path with
/// the fill rule evenodd or of one that is cut by others, and each dash of a stroke. Short paths cross too seldom:
/// random ones of 8,000 bytes took up to 1.7 bytes for the square of their length.
bool may_take_more(const SvgMarkup& markup, std::string_view bytes) {
  constexpr int64_t kShortPath = 4096;
  return markup.links > 0 || markup.path_bytes > kShortPath || bytes.find("dash") != std::string_view::npos ||
         bytes.find("filter") != std::string_view::npos;
}

/// What a drawing may take beyond what is told from its text. A small bound leaves less, so that several are drawn at
/// once.
int64_t spare_bytes(const SvgMarkup& markup, std::string_view bytes) {
  constexpr int64_t kMega = int64_t{1} << 20, kUsual = 16 * kMega, kMore = 256 * kMega, kFonts = 32 * kMega, kPart = 4;
  const int64_t more = may_take_more(markup, bytes) ? std::clamp(decoded_memory() / kPart, kUsual, kMore) : kUsual;
  return more + (markup.longest_text > 0 ? kFonts : 0);
}

WorkerPool& drawing_processes() {
  // They end after this process. They are used until then, so the pool is never destroyed.
  static auto& pool = *new WorkerPool(answer_drawing_request);
  return pool;
}

/// Asks a process about one file.
class Drawing {
 public:
  Drawing(std::string_view file, const SvgMarkup& markup, const std::string& name)
      : file_(file), stack_(stack_bytes(markup)), name_(name) {}

  /// @param bytes  that it may take.
  /// @throws InputError when the file cannot be read or takes more.
  DrawingSize measured(int64_t bytes) const {
    DrawingSize out;
    const auto reply = ask({.what = DrawingRequest::What::measure}, {}, bytes, sizeof out);
    std::memcpy(&out, reply.data(), sizeof out);
    if (!std::isfinite(out.width) || !std::isfinite(out.height) || !(out.width > 0) || !(out.height > 0))
      refuse_image(name_, "SVG", text("its size is ", out.width, " x ", out.height));
    return out;
  }
  /// @return pixels in cairo's form.
  std::vector<char> drawn(const VectorView& view, std::string_view style, int64_t bytes) const {
    return ask({.what = DrawingRequest::What::draw, .view = view}, style, bytes, view.rows * view.columns * 4);
  }

 private:
  using End = ChildOutcome::End;

  /// @return a reply of this size.
  std::vector<char> ask(DrawingRequest request, std::string_view style, int64_t bytes, int64_t reply_bytes) const {
    request.stack_bytes = stack_;
    request.style_bytes = static_cast<int64_t>(style.size());
    const auto message = drawing_request(request, style, file_);
    const ChildLimits limits{.seconds = kSeconds, .bytes = bytes + stack_ + static_cast<int64_t>(message.size())};
    std::vector<char> reply;
    auto process = drawing_processes().take();
    auto outcome = process->ask(message, limits, reply_bytes, reply);
    if (outcome.end != End::done && outcome.end != End::refused && outcome.end != End::stuck && process->has_served()) {
      process = drawing_processes().make();
      outcome = process->ask(message, limits, reply_bytes, reply);
    }
    if (outcome.end == End::done && static_cast<int64_t>(reply.size()) != reply_bytes) outcome.end = End::crashed;
    if (outcome.end != End::crashed) drawing_processes().give_back(std::move(process));
    if (outcome.end != End::done) refuse(outcome, bytes);
    return reply;
  }

  [[noreturn]] void refuse(const ChildOutcome& outcome, int64_t bytes) const {
    if (outcome.end == End::untried)
      throw SystemError(text(name_, ": the process that draws SVG files does not answer"));
    if (outcome.end == End::failed)
      throw SystemError(text(name_, ": drawing this SVG file failed: ", outcome.complaint.what));
    if (outcome.end == End::refused) {
      auto complaint = outcome.complaint;
      complaint.where = name_;
      throw InputError(complaint);
    }
    // librsvg also ends the process where it gets no memory.
    const auto more = outcome.end == End::stuck ? text("takes more than ", kSeconds, " s of processor time")
                                                : text("takes more than ", bytes >> 20, " MiB of memory");
    throw InputError(
        {.what = "this SVG file cannot be decoded: drawing it " +
                 (outcome.end == End::crashed ? "crashes librsvg, or " : std::string()) + more,
         .where = name_,
         .fix = "draw it smaller, simplify its masks, patterns, filters and paths that cross themselves, or take it "
                "out of the set"});
  }

  static constexpr int64_t kSeconds = 60;

  std::string_view file_;
  int64_t stack_;
  const std::string& name_;
};

}  // namespace

torch::Tensor decode_svg(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                         ImageNotes& notes) {
  constexpr size_t kMostBytes = size_t{64} << 20;
  constexpr int64_t kMostElements = 200'000, kMostBrackets = 100'000;  // of librsvg; of a stack of 1 GiB
  if (bytes.size() > kMostBytes) refuse_image(name, "SVG", "it has more than 64 MiB");
  const auto markup = read_svg_markup(bytes);
  if (!markup.refusal.empty()) refuse_image(name, "SVG", markup.refusal);
  if (markup.elements > kMostElements || markup.most_brackets > kMostBrackets)
    refuse_image(name, "SVG", text("it has more than ", kMostElements, " elements or ", kMostBrackets, " brackets"));

  // Most drawings need no more than is held at first.
  auto& memory = *DecodingMemory::of_thread();
  const int64_t parsed = parsed_bytes(markup, static_cast<int64_t>(bytes.size())) + spare_bytes(markup, bytes);
  const int64_t at_first = parsed + kFirstPixels * pixel_bytes(markup);
  memory.hold_decoded(at_first, name, parsed);
  const Drawing drawing(bytes, markup, name);
  const auto size = drawing.measured(at_first);
  constexpr double kMostStated = 1e9;
  if (std::max(size.width, size.height) > kMostStated)
    refuse_image(name, "SVG", text("its size is ", size.width, " x ", size.height));
  const auto style = options.groups.empty() ? std::string() : style_of(markup, options.groups, name);
  const auto whole = whole_view(size);
  check_pixel_count(whole.columns, whole.rows, options.most_pixels, name);
  auto view = whole;
  try {
    if (options.view) view = options.view(size.height, size.width);
  } catch (const InputError& error) {
    throw InputError(text(name, ": ", error.what()));
  }
  notes.drawn = static_cast<bool>(options.view);
  notes.cropped = view.cropped;
  // A drawing for a view is not resized.
  const int64_t resizing = options.view ? 0 : resizing_bytes(options, {view.columns, view.rows}, /*sample_bytes=*/1);
  const int64_t pixels = view.columns * view.rows;
  int64_t most = at_first;
  if (pixels > kFirstPixels || resizing > 0) {
    most = parsed + pixels * pixel_bytes(markup);
    memory.hold_decoded(most + resizing, name, parsed);
  }
  return straight_rgba(drawing.drawn(view, style, most), view);
}

}  // namespace monge::io
