// SVG by librsvg. Files are drawn at the size that is wanted, since they have no pixels of their own.
#include <cairo.h>
#include <librsvg/rsvg.h>
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/codec.h"
#include "monge/io/svg_markup.h"

namespace monge::io {
namespace {

template <auto kFree>
struct FreedBy {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Handle = std::unique_ptr<RsvgHandle, FreedBy<g_object_unref>>;
using Surface = std::unique_ptr<cairo_surface_t, FreedBy<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, FreedBy<cairo_destroy>>;

/// "line 1 column 80: Premature end of data" of librsvg's "XML parse error: Error domain 1 code 77 on line 1 ...".
std::string take_message(GError* error) {
  if (!error) return "unknown error";
  std::string all = error->message;
  g_error_free(error);
  while (!all.empty() && (all.back() == '\n' || all.back() == '.')) all.pop_back();
  if (const auto line = all.find(" on line "); all.starts_with("XML parse error") && line != std::string::npos)
    all.erase(0, line + 4);
  if (const auto data = all.find(" of data:"); data != std::string::npos) all.erase(data, 8);
  return printable(all);
}

/// Runs `work` on a stack of `bytes` bytes. librsvg recurses with the nesting of elements and of references between
/// them, and a stack overflow would end the process.
void run_on_stack(size_t bytes, const std::string& name, const std::function<void()>& work) {
  constexpr size_t kOwnStack = size_t{4} << 20;  // half of what a thread usually has
  if (bytes <= kOwnStack) return work();
  struct Call {
    const std::function<void()>& work;
    std::exception_ptr thrown;
  } call{work, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_t thread{};
  const auto run = [](void* given) -> void* {
    auto& own = *static_cast<Call*>(given);
    try {
      own.work();
    } catch (...) {
      own.thrown = std::current_exception();
    }
    return nullptr;
  };
  const bool started =
      pthread_attr_setstacksize(&attributes, bytes) == 0 && pthread_create(&thread, &attributes, run, &call) == 0;
  pthread_attr_destroy(&attributes);
  require(started, name, ": drawing this SVG file takes a stack of ", bytes >> 20, " MiB, which the system refuses");
  pthread_join(thread, nullptr);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

/// Enough for every element of a file to be drawn inside all others, and for every bracket to be nested in all others:
/// librsvg 2.54 needs up to 7 KiB for an element and 4 KiB for a bracket of a style sheet.
size_t stack_bytes(const SvgMarkup& markup) {
  constexpr size_t kBase = size_t{1} << 20, kElement = size_t{16} << 10, kBracket = size_t{8} << 10;
  return kBase + static_cast<size_t>(markup.elements) * kElement + static_cast<size_t>(markup.most_brackets) * kBracket;
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

struct DrawingSize {
  double width = 0, height = 0;
};

/// The size that the file states: its width and height, or that of its viewBox.
/// @throws InputError when there is neither.
DrawingSize stated_size(RsvgHandle* handle, const std::string& name) {
  DrawingSize out;
  if (!rsvg_handle_get_intrinsic_size_in_pixels(handle, &out.width, &out.height)) {
    gboolean has_width = 0, has_height = 0, has_box = 0;
    RsvgLength width, height;
    RsvgRectangle box{};
    rsvg_handle_get_intrinsic_dimensions(handle, &has_width, &width, &has_height, &height, &has_box, &box);
    if (!has_box) refuse_image(name, "SVG", "it states no size; add a viewBox to its <svg> element");
    out = {box.width, box.height};
  }
  const bool fits = std::isfinite(out.width) && std::isfinite(out.height) && out.width > 0 && out.height > 0;
  if (!fits) refuse_image(name, "SVG", text("its size is ", out.width, " x ", out.height));
  return out;
}

/// The whole drawing on pixels of its own size, at least one.
VectorView whole_view(const DrawingSize& size) {
  VectorView out{.width = size.width, .height = size.height};
  out.columns = std::max<int64_t>(1, std::llround(size.width));
  out.rows = std::max<int64_t>(1, std::llround(size.height));
  return out;
}

/// Cairo's pixels, colours multiplied by alpha in one native integer, as RGBA without the factor.
torch::Tensor straight_rgba(cairo_surface_t* surface, int64_t rows, int64_t columns) {
  cairo_surface_flush(surface);
  auto out = torch::empty({rows, columns, 4}, torch::kUInt8);
  uint8_t* to = out.data_ptr<uint8_t>();
  const uint8_t* data = cairo_image_surface_get_data(surface);
  const int64_t stride = cairo_image_surface_get_stride(surface);
  for (int64_t y = 0; y < rows; ++y) {
    const auto* from = reinterpret_cast<const uint32_t*>(data + y * stride);
    for (int64_t x = 0; x < columns; ++x, to += 4) {
      const uint32_t pixel = from[x], alpha = pixel >> 24;
      for (int c = 0; c < 3; ++c) {
        const uint32_t colour = pixel >> (16 - 8 * c) & 255;
        to[c] = static_cast<uint8_t>(alpha == 0 ? 0 : std::min<uint32_t>(255, (colour * 255 + alpha / 2) / alpha));
      }
      to[3] = static_cast<uint8_t>(alpha);
    }
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
  return kFixed + markup.elements * kElement + (markup.deepest + markup.most_brackets) * kLevel + length * kByte +
         markup.longest_tag * kDrawn + markup.longest_text * kText;
}

/// What is taken for each pixel: the surface, the result and its preparation, the results of filters, and for each
/// layer what is drawn to it and its mask.
int64_t pixel_bytes(const SvgMarkup& markup) { return 4 * (6 + markup.filters + 2 * markup.layers); }

/// @param memory  of the thread that waits for this one.
torch::Tensor draw(std::string_view bytes, const std::string& name, const SvgMarkup& markup,
                   const DecodeOptions& options, ImageNotes& notes, DecodingMemory& memory) {
  const auto parse = [&] {
    GError* error = nullptr;
    // Without an address of its own the file cannot refer to others.
    Handle out(rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(bytes.data()), bytes.size(), &error));
    if (!out) refuse_image(name, "SVG", take_message(error));
    constexpr double kCssPixels = 96;  // per inch
    rsvg_handle_set_dpi(out.get(), kCssPixels);
    if (options.groups.empty()) return out;
    const auto style = style_of(markup, options.groups, name);
    if (!rsvg_handle_set_stylesheet(out.get(), reinterpret_cast<const guint8*>(style.data()), style.size(), &error))
      refuse_image(name, "SVG", take_message(error));
    return out;
  };
  // Most drawings need no more than is held at first. For others the parsed file is freed before more is waited for.
  const int64_t parsed = parsed_bytes(markup, static_cast<int64_t>(bytes.size()));
  const int64_t at_first = parsed + kFirstPixels * pixel_bytes(markup);
  memory.hold_decoded(at_first, name);
  auto handle = parse();
  const auto size = stated_size(handle.get(), name);
  constexpr double kMostStated = 1e9;
  if (std::max(size.width, size.height) > kMostStated)
    refuse_image(name, "SVG", text("its size is ", size.width, " x ", size.height));
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
  if (const int64_t pixels = view.columns * view.rows; pixels > kFirstPixels || resizing > 0) {
    handle.reset();
    memory.hold_decoded(parsed + pixels * pixel_bytes(markup) + resizing, name);
    handle = parse();
  }

  GError* error = nullptr;
  const Surface surface(
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, static_cast<int>(view.columns), static_cast<int>(view.rows)));
  const Context context(cairo_create(surface.get()));
  cairo_translate(context.get(), -view.left, -view.top);
  cairo_scale(context.get(), view.width / size.width, view.height / size.height);
  const RsvgRectangle viewport{0, 0, size.width, size.height};
  if (!rsvg_handle_render_document(handle.get(), context.get(), &viewport, &error))
    refuse_image(name, "SVG", take_message(error));
  if (const auto status = cairo_status(context.get()); status != CAIRO_STATUS_SUCCESS)
    refuse_image(name, "SVG", cairo_status_to_string(status));
  return straight_rgba(surface.get(), view.rows, view.columns);
}

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
  torch::Tensor out;
  auto& memory = *DecodingMemory::of_thread();
  run_on_stack(stack_bytes(markup), name, [&] { out = draw(bytes, name, markup, options, notes, memory); });
  return out;
}

}  // namespace monge::io
