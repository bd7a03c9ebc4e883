#include "monge/core/output_size.h"

#include <algorithm>

#include "monge/core/error.h"

namespace monge {

namespace {

constexpr int64_t kLeastSide = 8, kMostSide = 4096;  // as source.size

}  // namespace

OutputSize parse_output_size(const std::string& words, const std::string& where) {
  using Kind = OutputSize::Kind;
  if (words.empty()) return {};
  if (words == "keep") return {.kind = Kind::keep};
  if (words == "train") return {.kind = Kind::train};
  if (words == "residual") return {.kind = Kind::residual};
  const auto size = parse_image_size(words);
  if (size && std::min(size->width, size->height) >= kLeastSide && std::max(size->width, size->height) <= kMostSide)
    return {.kind = Kind::given, .size = *size};
  throw InputError({.what = "not a size of images",
                    .where = where,
                    .value = '"' + words + '"',
                    .allowed = text("keep, train, residual, WIDTHxHEIGHT or one number, each side ", kLeastSide, " to ",
                                    kMostSide, " pixels")});
}

}  // namespace monge
