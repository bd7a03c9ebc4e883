// Stands in for svg.cpp in a build without librsvg (MONGE_SVG=OFF), such as the wheel of the Python package.
#include "monge/core/error.h"
#include "monge/io/codec.h"

namespace monge::io {

torch::Tensor decode_svg(std::string_view, const std::string& name, const DecodeOptions&, ImageNotes&) {
  throw InputError({.what = "this build reads no SVG",
                    .where = name,
                    .fix = "convert it to PNG (rsvg-convert -w 512 IN.svg -o OUT.png), or build monge with librsvg"});
}

}  // namespace monge::io
