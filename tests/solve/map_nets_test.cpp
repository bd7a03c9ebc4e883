#include "monge/solve/map_nets.h"

#include <gtest/gtest.h>

#include "monge/nn/ddpm.h"
#include "monge/nn/unet.h"
#include "monge/solve/nets.h"

namespace monge::solve {
namespace {

template <class Net>
void expect_passes_as_asked(const char* name) {
  SolverOptions options;
  options.map.net = name;
  options.map.width = 8;
  for (const bool fused : {true, false}) {
    options.train.fused = fused;
    options.train.gpu_kernels = !fused;
    const auto map = make_map(options, {3, 32, 32}, {3, 32, 32});
    const auto& found = dynamic_cast<const Net&>(*map).options();
    EXPECT_EQ(found.fused, fused) << name;
    EXPECT_EQ(found.gpu_kernels, !fused) << name;
  }
}

TEST(MapNets, UseOurOwnPassesOnADeviceIfTheRecipeSaysSo) {
  expect_passes_as_asked<nn::UNet>("unet");
  expect_passes_as_asked<nn::DdpmMap>("ddpm");
}

}  // namespace
}  // namespace monge::solve
