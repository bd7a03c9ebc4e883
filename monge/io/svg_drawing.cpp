#include "monge/io/svg_drawing.h"

#include <cairo.h>
#include <librsvg/rsvg.h>
#include <pthread.h>

#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/codec.h"

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

[[noreturn]] void refuse(const std::string& reason) { refuse_image("", "SVG", reason); }

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

constexpr size_t kOwnStack = size_t{4} << 20;  // half of what a thread usually has

/// Runs `work` on a stack of `bytes` bytes. librsvg recurses with the nesting of elements and of references between
/// them, and a stack overflow would end the process.
void run_on_stack(size_t bytes, const std::function<void()>& work) {
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
  if (!started) refuse(text("drawing it takes a stack of ", bytes >> 20, " MiB, which the system refuses"));
  pthread_join(thread, nullptr);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

Handle parsed(std::string_view file) {
  GError* error = nullptr;
  // Without an address of its own the file cannot refer to others.
  Handle out(rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(file.data()), file.size(), &error));
  if (!out) refuse(take_message(error));
  constexpr double kCssPixels = 96;  // per inch
  rsvg_handle_set_dpi(out.get(), kCssPixels);
  return out;
}

/// The size that the file states: its width and height, or that of its viewBox.
/// @throws InputError when there is neither.
DrawingSize stated_size(RsvgHandle* handle) {
  DrawingSize out;
  if (!rsvg_handle_get_intrinsic_size_in_pixels(handle, &out.width, &out.height)) {
    gboolean has_width = 0, has_height = 0, has_box = 0;
    RsvgLength width, height;
    RsvgRectangle box{};
    rsvg_handle_get_intrinsic_dimensions(handle, &has_width, &width, &has_height, &height, &has_box, &box);
    if (!has_box) refuse("it states no size; add a viewBox to its <svg> element");
    out = {box.width, box.height};
  }
  const bool fits = std::isfinite(out.width) && std::isfinite(out.height) && out.width > 0 && out.height > 0;
  if (!fits) refuse(text("its size is ", out.width, " x ", out.height));
  return out;
}

std::vector<char> drawn(RsvgHandle* handle, std::string_view style, const VectorView& view) {
  GError* error = nullptr;
  if (!style.empty() &&
      !rsvg_handle_set_stylesheet(handle, reinterpret_cast<const guint8*>(style.data()), style.size(), &error))
    refuse(take_message(error));
  const auto size = stated_size(handle);
  constexpr int64_t kPixel = 4;
  std::vector<char> out(static_cast<size_t>(view.rows * view.columns * kPixel));
  const Surface surface(cairo_image_surface_create_for_data(
      reinterpret_cast<unsigned char*>(out.data()), CAIRO_FORMAT_ARGB32, static_cast<int>(view.columns),
      static_cast<int>(view.rows), static_cast<int>(view.columns * kPixel)));
  const Context context(cairo_create(surface.get()));
  cairo_translate(context.get(), -view.left, -view.top);
  cairo_scale(context.get(), view.width / size.width, view.height / size.height);
  const RsvgRectangle viewport{0, 0, size.width, size.height};
  const bool done = rsvg_handle_render_document(handle, context.get(), &viewport, &error);
  const auto status = cairo_status(context.get());
  const auto message = done ? std::string(cairo_status_to_string(status)) : take_message(error);
  if (status == CAIRO_STATUS_NO_MEMORY || message.ends_with("NoMemory")) throw std::bad_alloc();
  if (!done || status != CAIRO_STATUS_SUCCESS) refuse(message);
  cairo_surface_flush(surface.get());
  return out;
}

}  // namespace

std::string drawing_request(const DrawingRequest& request, std::string_view style, std::string_view file) {
  std::string out(sizeof request, '\0');
  out.reserve(sizeof request + style.size() + file.size());
  std::memcpy(out.data(), &request, sizeof request);
  return out.append(style).append(file);
}

std::vector<char> answer_drawing_request(std::string_view bytes) {
  // Mostly a file is measured and drawn by the same process, and need not be parsed twice. Files that need a stack of
  // their own, which freeing them needs as well, are not kept.
  static std::string kept_file;
  static Handle kept;

  DrawingRequest request;
  std::memcpy(&request, bytes.data(), sizeof request);
  bytes.remove_prefix(sizeof request);
  const auto style = bytes.substr(0, static_cast<size_t>(request.style_bytes));
  const auto file = bytes.substr(style.size());
  const auto stack = static_cast<size_t>(request.stack_bytes);
  std::vector<char> out;
  run_on_stack(stack, [&] {
    auto handle = std::move(kept);
    if (!handle || kept_file != file) handle = parsed(file);
    if (request.what == DrawingRequest::What::draw) {
      out = drawn(handle.get(), style, request.view);
      return;
    }
    const auto size = stated_size(handle.get());
    out.resize(sizeof size);
    std::memcpy(out.data(), &size, sizeof size);
    if (stack > kOwnStack) return;
    kept = std::move(handle);
    kept_file = file;
  });
  return out;
}

}  // namespace monge::io
