// LPIPS with weights that a formula gives: what tests/fixtures/features/lpips.safetensors was made with.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/core/error.h"
#include "monge/eval/lpips.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"
#include "tests/support/synthetic_weights.h"

namespace monge::testing {

inline std::shared_ptr<eval::Lpips> synthetic_lpips(eval::LpipsNet net) {
  io::TensorFile trunk, heads;
  for (const auto& [key, shape] : eval::LpipsTrunk::shapes(net)) trunk.tensors.emplace_back(key, torch::empty(shape));
  for (const int64_t channels : eval::LpipsTrunk::tap_channels(net)) {
    heads.tensors.emplace_back(text("lin", heads.tensors.size(), ".model.1.weight"), torch::empty({1, channels, 1, 1}));
  }
  fill_synthetic(trunk);
  fill_synthetic(heads);
  const ScratchFolder folder;
  io::write_torch_checkpoint(folder / "trunk.pth", trunk);
  io::write_torch_checkpoint(folder / "heads.pth", heads);
  return std::make_shared<eval::Lpips>(net, folder / "trunk.pth", folder / "heads.pth");
}

}  // namespace monge::testing
