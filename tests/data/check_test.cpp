#include "monge/data/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/data/pack.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::ScratchFolder;

const std::atomic<bool> kContinue{false};

void put(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string noise(int64_t seed, int64_t height, int64_t width, int64_t channels = 3) {
  return io::encode_png(
      torch::randint(0, 256, {height, width, channels}, RandomStreams(1).at("pixels", seed), torch::kUInt8));
}

ImageReport check(const fs::path& path, const fs::path& against = {}) {
  return check_images(path, against, silent(), {}, kContinue);
}

TEST(Check, TellsWhatASetHolds) {
  const ScratchFolder folder;
  put(folder / "a/1.png", noise(1, 10, 12));
  put(folder / "a/2.png", noise(2, 10, 14, 4));
  put(folder / "a/3.png", noise(3, 11, 12, 1));
  put(folder / "a/again.png", noise(1, 10, 12));
  put(folder / "a/blank.png", io::encode_png(torch::full({10, 12, 3}, 250, torch::kUInt8)));
  put(folder / "a/inks.jpg",
      testing::cmyk_jpeg(torch::randint(0, 256, {10, 12, 4}, RandomStreams(1).at("inks", 0), torch::kUInt8), true));
  put(folder / "a/cut.png", noise(4, 30, 30).substr(0, 300));
  put(folder / "a/empty.png", "");
  put(folder / "a/empty2.png", "");
  const auto r = check(folder / "a");
  EXPECT_EQ(r.images, 9);
  EXPECT_THAT(r.widths, ElementsAre(Pair(12, 5), Pair(14, 1)));
  EXPECT_THAT(r.heights, ElementsAre(Pair(10, 5), Pair(11, 1)));
  EXPECT_THAT(r.channels, ElementsAre(Pair(1, 1), Pair(3, 4), Pair(4, 1)));
  EXPECT_THAT(r.corrupt,
              ElementsAre(HasSubstr("cut.png"), HasSubstr("empty.png: the file is empty"), HasSubstr("empty2.png")));
  EXPECT_THAT(r.duplicates, ElementsAre(Pair("again.png", "1.png"))) << "files without content are no pair";
  EXPECT_THAT(r.near_empty, ElementsAre("blank.png"));
  EXPECT_THAT(r.converted, ElementsAre(Pair("inks.jpg", io::Conversion::cmyk)));
  EXPECT_TRUE(r.bad());
}

TEST(Check, FindsImagesOfTheTestAmongThoseOfTheTraining) {
  const ScratchFolder folder;
  for (int i = 0; i < 6; ++i) put(folder / "train" / (std::to_string(i) + ".png"), noise(i, 9, 9));
  put(folder / "test/x.png", noise(50, 9, 9));
  EXPECT_FALSE(check(folder / "train", folder / "test").bad());
  put(folder / "test/y.png", noise(4, 9, 9));
  const auto r = check(folder / "train", folder / "test");
  EXPECT_THAT(r.leaked, ElementsAre(Pair("4.png", "y.png")));
  EXPECT_EQ(r.against, 2);
  EXPECT_TRUE(r.bad());
  // Packed sets remember what they were made from.
  PackOptions options;
  options.preparation.height = options.preparation.width = 4;
  pack(folder / "train", folder / "packed", options, silent(), {}, kContinue);
  EXPECT_THAT(check(folder / "packed", folder / "test").leaked, ElementsAre(Pair("4.png", "y.png")));
}

TEST(Check, VerifiesAPackedSet) {
  const ScratchFolder folder;
  for (int i = 0; i < 3; ++i) put(folder / "set" / (std::to_string(i) + ".png"), noise(i, 9, 9));
  PackOptions options;
  pack(folder / "set", folder / "packed", options, silent(), {}, kContinue);
  EXPECT_FALSE(check(folder / "packed").bad());
  auto bytes = real_files().read(folder / "packed/pixels-00000.npy");
  bytes.back() ^= 1;
  real_files().replace(folder / "packed/pixels-00000.npy", bytes);
  const auto r = check(folder / "packed");
  EXPECT_THAT(r.damaged, ElementsAre(HasSubstr("pixels-00000.npy")));
  EXPECT_TRUE(r.bad());
}

TEST(Check, SaysWhenItWasStopped) {
  const ScratchFolder folder;
  put(folder / "set/a.png", noise(1, 9, 9));
  const std::atomic<bool> stop{true};
  EXPECT_FALSE(check_images(folder / "set", {}, silent(), {}, stop).complete);
}

TEST(Check, CountsWhatIsTurnedCutOrOfFewValues) {
  const ScratchFolder folder;
  put(folder / "a/1.png", noise(1, 10, 12));
  put(folder / "a/turned.png", testing::png_with_exif(noise(2, 10, 12), testing::exif_block(6)));
  put(folder / "a/unfinished.png", noise(3, 10, 12).substr(0, noise(3, 10, 12).size() - 12));
  put(folder / "a/deep.png", io::encode_png(testing::deep_image(torch::arange(120).view({10, 12, 1}) * 34)));
  const auto r = check(folder / "a");
  EXPECT_THAT(r.oriented, ElementsAre(Pair("turned.png", 6)));
  EXPECT_THAT(r.widths, ElementsAre(Pair(10, 1), Pair(12, 3))) << "upright";
  EXPECT_THAT(r.without_end, ElementsAre("unfinished.png"));
  EXPECT_EQ(r.notes.sixteen_bit, 1);
  EXPECT_EQ(r.notes.least, 0);
  EXPECT_EQ(r.notes.largest, 119 * 34);
  EXPECT_FALSE(r.bad());
}

}  // namespace
}  // namespace monge::data
