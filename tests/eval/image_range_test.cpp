#include "monge/eval/image_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Every byte in all three channels, as [4, 8, 8, 3].
torch::Tensor all_bytes() {
  return torch::arange(256).to(torch::kUInt8).reshape({4, 8, 8, 1}).expand({4, 8, 8, 3}).contiguous();
}

TEST(SignedImages, OfBytesAreExact) {
  const auto bytes = all_bytes();
  const auto images = SignedImages::from_bytes(bytes);
  ASSERT_EQ(images.in_signed().sizes(), at::IntArrayRef({4, 3, 8, 8}));
  const auto planes = bytes.permute({0, 3, 1, 2});
  EXPECT_TRUE(torch::equal(images.in_signed(), planes.to(torch::kFloat32) / 127.5f - 1));
  EXPECT_TRUE(torch::equal(SignedImages::from_bytes(planes).in_signed(), images.in_signed()));
  EXPECT_TRUE(torch::equal(images.in_255().round().to(torch::kUInt8), planes));
  EXPECT_LT((images.in_255() - planes).abs().max().item<double>(), 2e-5);
  EXPECT_TRUE(torch::allclose(images.in_unit(), planes.to(torch::kFloat32) / 255, 0, 1e-7));
}

TEST(SignedImages, OfBytesRefuseWhatIsNoBatch) {
  EXPECT_THAT(message_of([] { SignedImages::from_bytes(torch::zeros({2, 4, 4, 3})); }),
              AllOf(HasSubstr("Float [2, 4, 4, 3]"), HasSubstr("uint8 [N, H, W, 3]")));
  EXPECT_THAT(message_of([] { SignedImages::from_bytes(torch::zeros({2, 4, 4, 1}, torch::kUInt8)); }),
              HasSubstr("[2, 4, 4, 1]"));
  EXPECT_THAT(message_of([] { SignedImages::from_bytes(torch::zeros({2, 3, 4, 3}, torch::kUInt8)); }),
              HasSubstr("first or the last axis"));
}

TEST(SignedImages, OfUnitValuesAreStretched) {
  const auto unit = torch::tensor({0.0f, 0.25f, 1.00005f}).reshape({1, 3, 1, 1});
  EXPECT_TRUE(torch::equal(SignedImages::from_unit(unit).in_signed().flatten(), torch::tensor({-1.0f, -0.5f, 1.0f})));
}

TEST(SignedImages, RefuseValuesBeyondTheirRangeNamingTheFactoryThatFits) {
  auto images = torch::zeros({2, 3, 8, 8});
  images[1][2][3][4] = -1.001;
  EXPECT_THAT(message_of([&] { SignedImages::from_signed(images); }), AllOf(HasSubstr("-1.001"), HasSubstr("-1 to 1")));
  images[1][2][3][4] = -0.9;
  EXPECT_THAT(message_of([&] { SignedImages::from_unit(images); }),
              AllOf(HasSubstr("0 to 1"), HasSubstr("from_signed")));
  images[1][2][3][4] = 200;
  EXPECT_THAT(message_of([&] { SignedImages::from_signed(images); }), HasSubstr("from_bytes"));
  EXPECT_THAT(message_of([&] { SignedImages::from_unit(images); }), HasSubstr("from_bytes"));
  EXPECT_THAT(message_of([] { SignedImages::from_signed(torch::zeros({1, 3, 2, 2}, torch::kUInt8)); }),
              HasSubstr("from_bytes"));
  EXPECT_THAT(message_of([] { SignedImages::from_signed(torch::zeros({1, 1, 2, 2})); }), HasSubstr("[1, 1, 2, 2]"));
}

TEST(SignedImages, RefuseWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY}) {
    auto images = torch::zeros({2, 3, 8, 8});
    images[0][0][0][0] = bad;
    EXPECT_THAT(message_of([&] { SignedImages::from_signed(images); }), HasSubstr("not finite"));
    EXPECT_THAT(message_of([&] { SignedImages::from_unit(images); }), HasSubstr("not finite"));
  }
}

TEST(SignedImages, RefuseABatchThatIsEvidentlyInTheUnitRange) {
  const auto unit = torch::rand({1, 3, 64, 64}, RandomStreams(1).at("images", 0));
  EXPECT_THAT(message_of([&] { SignedImages::from_signed(unit); }),
              AllOf(HasSubstr("look as if they were in [0, 1]"), HasSubstr("from_unit"), HasSubstr("Doubt::accept")));
  EXPECT_TRUE(torch::equal(SignedImages::from_signed(unit, SignedImages::Doubt::accept).in_signed(), unit));
}

TEST(SignedImages, TakeBrightImagesAtTheirWord) {
  const auto stream = RandomStreams(2).at("images", 0);
  const auto white = torch::ones({4, 3, 64, 64}), pale = 0.2 + 0.8 * torch::rand({4, 3, 64, 64}, stream);
  auto one_dark_pixel = torch::rand({4, 3, 64, 64}, stream);
  one_dark_pixel[2][1][5][6] = -0.1;
  for (const auto& images :
       {white, pale, one_dark_pixel, torch::zeros({4, 3, 64, 64}), torch::rand({2, 3, 16, 16}, stream)}) {
    EXPECT_TRUE(torch::equal(SignedImages::from_signed(images).in_signed(), images));
  }
}

TEST(SignedImages, SliceAndCompareSizes) {
  const auto images = SignedImages::from_bytes(all_bytes());
  EXPECT_TRUE(torch::equal(images.slice(1, 3).in_signed(), images.in_signed().slice(0, 1, 3)));
  EXPECT_THAT(message_of([&] { images.slice(2, 5); }), HasSubstr("[2, 5) of 4"));
  EXPECT_THAT(message_of([&] { check_pairs("PSNR", images, images.slice(0, 1)); }),
              AllOf(HasSubstr("PSNR"), HasSubstr("[4, 3, 8, 8] and [1, 3, 8, 8]")));
}

}  // namespace
}  // namespace monge::eval
