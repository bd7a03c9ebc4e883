// Tensors on a GPU, which a map translates there. Skipped where there is none.
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "monge/core/random.h"
#include "monge/monge.h"

namespace monge::session {
namespace {

torch::Tensor normal_rows(const char* name) { return torch::randn({100, 3}, RandomStreams(1).at(name, 0)); }

/// A map on the GPU, trained for some steps.
Model map_on_gpu(const std::string& method) {
  train::Recipe recipe;
  recipe.method = method;
  recipe.map.width = recipe.potential.width = 16;
  recipe.data.standardise = "each";
  recipe.train.iterations = recipe.train.k_t = 2;
  recipe.train.batch = 16;
  recipe.eval.samples = 16;
  recipe.samples.every = 0;
  return Session::train(recipe, normal_rows("x"), normal_rows("y"), {.compute = {.device = "cuda"}}).model();
}

TEST(GpuTranslate, LeavesRowsOnTheDeviceAndEqualsThoseOfTheHost) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "needs a GPU";
  for (const std::string method : {"strong", "weak", "otp"}) {
    SCOPED_TRACE(method);
    const auto model = map_on_gpu(method);
    const auto x = normal_rows("x").to(torch::kFloat64);
    for (const TranslateOptions& options : {TranslateOptions(), TranslateOptions{.t = 0.5, .batch = 30}}) {
      const auto on_host = model.translate(x, options), on_device = model.translate(x.cuda(), options);
      EXPECT_TRUE(on_device.is_cuda());
      EXPECT_EQ(on_device.scalar_type(), torch::kFloat64);
      EXPECT_LT((on_device.cpu() - on_host).abs().max().item<double>(), 1e-9);
    }
  }
}

}  // namespace
}  // namespace monge::session
