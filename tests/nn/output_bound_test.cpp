#include "monge/nn/output_bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/nn/ddpm.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using ::testing::HasSubstr;

TEST(OutputBound, ClampReachesBothEndsAndLetsGradientsLeadBack) {
  const auto y = torch::tensor({-2.0, -2.0, -0.5, 0.5, 2.0, 2.0}).requires_grad_();
  const auto gradient = torch::tensor({1.0, -1.0, 1.0, -1.0, 1.0, -1.0});
  const auto bounded = bound_output(y, "clamp");
  EXPECT_TRUE(torch::equal(bounded, torch::tensor({-1.0, -1.0, -0.5, 0.5, 1.0, 1.0})));
  bounded.backward(gradient);
  // Descent moves y against its gradient: beyond an end only the direction inwards passes.
  EXPECT_TRUE(torch::equal(y.grad(), torch::tensor({0.0, -1.0, 1.0, -1.0, 1.0, 0.0})));
}

TEST(OutputBound, NoneAndTanh) {
  const auto y = torch::linspace(-3, 3, 7);
  EXPECT_TRUE(torch::equal(bound_output(y, "none"), y));
  EXPECT_TRUE(torch::equal(bound_output(y, "tanh"), torch::tanh(y)));
}

TEST(OutputBound, AMapKeepsWhiteExactlyWhite) {
  DdpmMap map({.width = 8, .depth = 1, .residual = true, .output = "clamp"});
  const auto out = map.forward(torch::full({1, 3, 8, 8}, 40.0));  // far beyond what the untrained net adds
  EXPECT_TRUE(torch::equal(out, torch::ones({1, 3, 8, 8})));
}

TEST(OutputBound, AnUnknownKindIsAnErrorWithTheKindsThereAre) {
  EXPECT_THAT(testing::message_of([] { DdpmMap map({.output = "sigmoid"}); }),
              HasSubstr("\"sigmoid\" (allowed: none, tanh, clamp)"));
}

}  // namespace
}  // namespace monge::nn
