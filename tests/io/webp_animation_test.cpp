#include "monge/io/webp_animation.h"

#include <gmock/gmock.h>

#include <array>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/io/animations.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using testing::decode_animation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

torch::Tensor still(int64_t value, int64_t channels = 3, int64_t height = 12, int64_t width = 20) {
  return torch::full({height, width, channels}, value, torch::kUInt8);
}

TEST(WebpAnimation, KeepsFramesTheirOrderAndTheirDurations) {
  WebpAnimation animation(100);
  torch::manual_seed(2);
  std::vector<torch::Tensor> frames;
  for (const int64_t milliseconds : {1000, 40, 500}) {
    frames.push_back(torch::randint(0, 256, {12, 20, 3}, torch::kUInt8));
    animation.add(frames.back(), milliseconds);
  }
  const auto shown = decode_animation(animation.finish());
  EXPECT_EQ(shown.loops, 0) << "endless";
  EXPECT_THAT(shown.milliseconds, ElementsAre(1000, 40, 500));
  ASSERT_EQ(shown.frames.size(), 3u);
  for (size_t k = 0; k < 3; ++k)
    EXPECT_TRUE(torch::equal(shown.frames[k].narrow(2, 0, 3), frames[k])) << "lossless, frame " << k;
}

TEST(WebpAnimation, IsLossyByDefaultAndClose) {
  WebpAnimation animation;
  for (const int64_t value : {20, 90, 200}) animation.add(still(value, 1), 100);
  const auto shown = decode_animation(animation.finish());
  ASSERT_EQ(shown.frames.size(), 3u);
  for (size_t k = 0; k < 3; ++k) {
    const auto difference = shown.frames[k].narrow(2, 0, 3).to(torch::kInt) - still(std::array{20, 90, 200}[k]);
    EXPECT_LE(difference.abs().max().item<int>(), 4) << "grey is stored as RGB, frame " << k;
  }
}

TEST(WebpAnimation, EqualFramesInARowAreShownLonger) {
  WebpAnimation animation;
  for (const int64_t value : {20, 90, 90, 200}) animation.add(still(value), 100);
  const auto shown = decode_animation(animation.finish());
  EXPECT_THAT(shown.milliseconds, ElementsAre(100, 200, 100));
}

TEST(WebpAnimation, OneFrameIsAnImage) {
  WebpAnimation animation;
  animation.add(still(90), 100);
  EXPECT_EQ(decode_animation(animation.finish()).frames.size(), 1u);
}

TEST(WebpAnimation, RefusesWhatIsNoFrame) {
  WebpAnimation animation;
  EXPECT_THAT(message_of([&] { animation.finish(); }), HasSubstr("an animation needs a frame"));
  EXPECT_THAT(message_of([&] { animation.add(torch::zeros({4, 4, 3}), 100); }), HasSubstr("must be uint8"));
  EXPECT_THAT(message_of([&] { animation.add(still(1), 0); }), HasSubstr("1 millisecond or longer, got 0"));
  EXPECT_THAT(message_of([&] { animation.add(still(1, 3, 1, 16384), 1); }), HasSubstr("at most 16383, got 16384 x 1"));
  animation.add(still(1), 100);
  EXPECT_THAT(message_of([&] { animation.add(still(1, 3, 12, 21), 100); }),
              HasSubstr("the frames have 20 x 12 pixels, got 21 x 12"));
  EXPECT_THAT(message_of([] { WebpAnimation(101); }), HasSubstr("0 to 100, got 101"));
}

}  // namespace
}  // namespace monge::io
