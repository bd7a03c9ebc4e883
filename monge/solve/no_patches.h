// A check of the nets that take images pixel by pixel. Internal to the factories of nets.
#pragma once

#include <cstdint>

#include "monge/core/error.h"

namespace monge::solve {

/// @param key  the option, for the message. @throws InputError for patches of more than one pixel.
inline void require_no_patches(int64_t patch, const char* key) {
  if (patch == 1) return;
  throw InputError({.what = "the net ddpm takes single pixels, since patches print a grid on the outputs",
                    .where = key,
                    .value = text(patch),
                    .allowed = "1",
                    .fix = text("leave ", key, " out, or choose the net unet or resnet")});
}

}  // namespace monge::solve
