#include "monge/session/samples.h"

#include "monge/core/error.h"
#include "monge/data/arrays.h"

namespace monge::session {

Samples::Samples(torch::Tensor items) {
  const auto dims = items.dim();
  if ((dims != 2 && dims != 4) || items.size(0) < 2 || (dims == 4 && items.size(1) != 1 && items.size(1) != 3)) {
    throw InputError({.what = "samples must be vectors or images",
                      .where = "tensor",
                      .value = text(items.sizes()),
                      .allowed = "[N, D] or [N, C, H, W] with N >= 2 and C = 1 or 3"});
  }
  source_ = data::array_source("tensor", items.detach().to(torch::kCPU).contiguous());
}

}  // namespace monge::session
