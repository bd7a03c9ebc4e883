// The part of the SVG decoder that uses librsvg. It runs in a process of its own, see worker_process.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monge/io/image.h"

namespace monge::io {

/// The size that a drawing states, in CSS pixels.
struct DrawingSize {
  double width = 0, height = 0;
};

/// What is asked of the process. The bytes of a style sheet and of the file follow.
struct DrawingRequest {
  enum class What : int64_t {
    measure,  ///< reply the DrawingSize
    draw,     ///< reply the pixels
  };
  What what = What::measure;
  int64_t stack_bytes = 0;  ///< for the recursion of librsvg
  int64_t style_bytes = 0;
  VectorView view = {};
};

std::string drawing_request(const DrawingRequest& request, std::string_view style, std::string_view file);

/// Does it. Pixels are in cairo's form, colours multiplied by alpha, one native uint32 a pixel.
/// @throws InputError without a name; std::bad_alloc.
std::vector<char> answer_drawing_request(std::string_view request);

}  // namespace monge::io
