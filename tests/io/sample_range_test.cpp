#include "monge/io/sample_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/image.h"
#include "monge/io/image_notes.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

TEST(SampleRange, IsReadFromWords) {
  EXPECT_EQ(parse_range("full", "range"), (SampleRange{0, 65535}));
  EXPECT_EQ(parse_range("0..4095", "range"), (SampleRange{0, 4095}));
  EXPECT_EQ(parse_range("30000..34000", "range").text(), "30000..34000");
  for (const char* wrong :
       {"", "auto", "12 bit", "4095", "5..5", "9..3", "-1..7", "0..65536", "0...9", "0..9x", "1e3..2e3"}) {
    EXPECT_THAT(message_of([&] { parse_range(wrong, "source.range"); }),
                AllOf(HasSubstr("source.range"), HasSubstr("LOW..HIGH"), HasSubstr("0..4095")))
        << wrong;
  }
}

TEST(SampleRange, HoldsDataOfTenTwelveAndFourteenBits) {
  EXPECT_EQ(range_holding(0, 4095), (SampleRange{0, 4095}));
  EXPECT_EQ(range_holding(17, 3071), (SampleRange{0, 4095}));
  EXPECT_EQ(range_holding(0, 900), (SampleRange{0, 1023}));
  EXPECT_EQ(range_holding(3, 12000), (SampleRange{0, 16383}));
  EXPECT_EQ(range_holding(0, 65535), (SampleRange{0, 65535}));
  EXPECT_EQ(range_holding(0, 0), (SampleRange{0, 255}));
  // Signed data with an offset, as of a scanner: 0 is of no use.
  EXPECT_EQ(range_holding(32768 - 1000, 32768 + 2000), (SampleRange{0, 65535}));
  EXPECT_EQ(range_holding(33000, 36000), (SampleRange{33000, 36000}));
  EXPECT_EQ(range_holding(40000, 40000), (SampleRange{0, 65535})) << "one value is no range";
}

TEST(SampleRange, ComesBackFromFloatsInItsOwnUnits) {
  const auto floats = torch::tensor({-1.f, 0.f, 1.f, 7.f, -7.f, std::nanf("")}).view({1, 2, 3});
  const auto out = from_float_to_sixteen_bits(floats, {0, 4095}).to(torch::kInt).flatten();
  EXPECT_TRUE(torch::equal(out, torch::tensor({0, 2048, 4095, 4095, 0, 0}, torch::kInt)));
  const auto all = torch::arange(0, 65536).view({256, 256, 1});
  const auto as_floats = (all.to(torch::kFloat64) / 32767.5 - 1).permute({2, 0, 1});
  EXPECT_TRUE(torch::equal(from_float_to_sixteen_bits(as_floats).to(torch::kInt64), all));
}

TEST(ImageNotes, WarnOfARangeThatIsHardlyUsed) {
  NoteCounts counts;
  ImageNotes twelve;
  twelve.conversion = Conversion::sixteen_bit;
  twelve.least = 0;
  twelve.largest = 4095;
  counts.add(twelve);
  counts.add(twelve);
  EXPECT_THAT(unused_range_warning(counts, "--range"),
              AllOf(HasSubstr("all 2 16-bit images together use the values 0..4095 of 0..65535, 6 % of the range"),
                    HasSubstr("set --range to auto or to 0..4095")));
  ImageNotes bright = twelve;
  bright.least = bright.largest = 9000;
  counts.add(bright);
  EXPECT_EQ(unused_range_warning(counts, "--range"), "") << "together they use more than an eighth";
  EXPECT_EQ(unused_range_warning(NoteCounts(), "--range"), "");
  NoteCounts flat;
  flat.add(bright);
  EXPECT_EQ(unused_range_warning(flat, "--range"), "") << "an image of one value is no evidence";
}

TEST(ImageNotes, SayWhatWasDoneInSentences) {
  NoteCounts counts;
  ImageNotes notes;
  notes.orientation = 6;
  counts.add(notes);
  notes.upright = true;
  notes.cropped = true;
  counts.add(notes);
  counts.add(notes);
  EXPECT_THAT(note_lines(counts),
              ElementsAre("turned 2 images upright by the EXIF orientation",
                          "kept 1 image as stored, although the EXIF orientation is not upright (exif = \"ignore\")",
                          "cropped 2 images to the middle square (crop = \"centre\")"));
  EXPECT_TRUE(note_lines(NoteCounts()).empty());
}

}  // namespace
}  // namespace monge::io
