#include "monge/eval/few_samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using ::testing::HasSubstr;

TEST(FewSamples, AreCountedAsAnEvaluationUsesThem) {
  const data::TensorSource large("large", torch::rand({200, 2})), middling("middling", torch::rand({99, 2})),
      small("small", torch::rand({10, 2}));
  const auto endless = data::open_toy("toy:moons");
  EXPECT_EQ(few_samples_warning(large, large, large, 512), "");
  EXPECT_EQ(few_samples_warning(*endless, *endless, *endless, 50), "");
  EXPECT_EQ(few_samples_warning(large, middling, large, 512), "");
  EXPECT_THAT(few_samples_warning(large, large, *endless, 49), HasSubstr("49 inputs and 49 target samples;"));
  EXPECT_THAT(few_samples_warning(large, large, small, 512), HasSubstr("200 inputs and 10 target samples;"));
  EXPECT_THAT(few_samples_warning(small, large, large, 512), HasSubstr("10 inputs and 100 target samples per side"));
  EXPECT_THAT(few_samples_warning(large, middling, middling, 512),
              HasSubstr("49 target samples per side (halves of one set)"));
}

}  // namespace
}  // namespace monge::eval
