#include "monge/data/images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/crop.h"
#include "monge/data/grey_as_rgb.h"
#include "monge/data/image_set.h"
#include "monge/data/native_images.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::ScratchFolder;

/// An image of one colour, told apart from others by its red.
torch::Tensor plain(int64_t height, int64_t width, int red, int64_t channels = 3) {
  auto out = torch::full({height, width, channels}, 100, torch::kUInt8);
  out.select(2, 0).fill_(red);
  return out;
}

torch::Tensor noise(int64_t height, int64_t width) {
  return torch::randint(0, 256, {height, width, 3}, RandomStreams(2).at("pixels", 0), torch::kUInt8);
}

void put(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Five images of mixed sizes, kinds and folders, with things among them that are not to be used.
void fill(const std::filesystem::path& folder) {
  put(folder / "b.png", io::encode_png(plain(20, 30, 20)));
  put(folder / "a/z.PNG", io::encode_png(plain(64, 64, 10)));
  put(folder / "c.webp", io::encode_webp(plain(31, 17, 30), 100));
  put(folder / "d/e/f.jpeg", io::encode_jpeg(plain(16, 16, 40), 100));
  put(folder / "grey.png", io::encode_png(plain(9, 9, 50, 1)));
  put(folder / ".hidden.png", "not looked at");
  put(folder / ".cache/x.png", "not looked at");
  put(folder / "notes.txt", "not looked at");
}

/// The red of item i, 0..255.
double mean_red(const Source& source, int64_t i) { return (source.items({i})[0][0].mean().item<double>() + 1) * 127.5; }

TEST(Images, AreFoundInFoldersInTheOrderOfTheirPaths) {
  const ScratchFolder folder;
  fill(folder.path());
  const ImageSource source(folder.path(), {.size = 8});
  ASSERT_EQ(source.size(), 5);
  EXPECT_EQ(source.item_shape(), (std::vector<int64_t>{3, 8, 8}));
  EXPECT_EQ(source.item_name(0), "a/z.PNG");
  EXPECT_EQ(source.item_name(3), "d/e/f.jpeg");
  for (int64_t i = 0; i < 5; ++i) EXPECT_NEAR(mean_red(source, i), 10 * (i + 1), 1.5) << source.item_name(i);
  EXPECT_TRUE(source.is_quick());
  EXPECT_THAT(message_of([&] { source.items({5}); }), HasSubstr("item 5 does not exist"));
}

TEST(Images, AreTheSameCachedOrNotAndOutOfArchives) {
  const ScratchFolder folder;
  fill(folder / "set");
  std::vector<io::ArchiveEntry> entries;
  for (const char* name : {"grey.png", "d/e/f.jpeg", "c.webp", "b.png", "a/z.PNG", ".hidden.png", "notes.txt"}) {
    entries.push_back({name, real_files().read(folder / "set" / name)});
  }
  const std::vector<int64_t> some = {3, 0, 0, 4};
  const auto expected = ImageSource(folder / "set", {.size = 12}).items(some);
  for (const char* name : {"set", "set.zip", "set.tar", "set.tar.gz"}) {
    if (std::string(name) != "set") io::write_archive(folder / name, entries);
    for (const int64_t cache_mb : {0, 100}) {
      const ImageSource source(folder / name, {.size = 12, .cache_mb = cache_mb});
      EXPECT_EQ(source.is_quick(), cache_mb > 0);
      EXPECT_EQ(source.size(), 5) << name;
      EXPECT_EQ(source.item_name(3), "d/e/f.jpeg") << name;
      EXPECT_TRUE(torch::equal(source.items(some), expected)) << name << " with cache_mb " << cache_mb;
    }
  }
}

TEST(Images, DrawIsPureAndReachesAll) {
  const ScratchFolder folder;
  fill(folder.path());
  const ImageSource source(folder.path(), {.size = 4});
  const auto once = source.draw(200, RandomStreams(1).at("a", 0));
  EXPECT_TRUE(torch::equal(once, source.draw(200, RandomStreams(1).at("a", 0))));
  EXPECT_EQ(std::get<0>(torch::unique_dim(once.flatten(1), 0)).size(0), 5);
}

TEST(Images, AreResizedAsPillowDoesAfterTheCrop) {
  const auto image = noise(50, 80);
  const auto expect_part = [&](const std::string& crop, const torch::Tensor& part) {
    const auto expected = io::resize_uint8(part, 16, 16, io::Filter::lanczos).permute({2, 0, 1});
    const auto out = prepare_image(image, {.size = 16, .crop = crop, .filter = "lanczos"});
    EXPECT_TRUE(torch::equal(out, expected)) << crop;
  };
  expect_part("centre", image.slice(1, 15, 65));
  expect_part("none", image);
  expect_part("20x30", image.slice(0, 10, 40).slice(1, 30, 50));
  expect_part("20x30+7,-4", image.slice(0, 6, 36).slice(1, 37, 57));
  expect_part("20x30-7,4", image.slice(0, 14, 44).slice(1, 23, 43));
  expect_part("20x30+-7,+4", image.slice(0, 14, 44).slice(1, 23, 43));
}

TEST(Images, CompositeTransparencyAndDropColour) {
  auto glass = torch::zeros({4, 4, 4}, torch::kUInt8);
  EXPECT_EQ(prepare_image(glass, {.size = 2})[0][0][0].item<int>(), 255);
  EXPECT_EQ(prepare_image(glass, {.size = 2, .background = "#102030"})[1][0][0].item<int>(), 0x20);
  const auto grey = prepare_image(noise(8, 8), {.size = 4, .grey = true});
  EXPECT_TRUE(torch::equal(grey[0], grey[1]) && torch::equal(grey[0], grey[2]));
}

TEST(Images, TellProgress) {
  const ScratchFolder folder;
  fill(folder.path());
  int64_t calls = 0, last = 0, of = 0;
  const ImageSource source(folder.path(), {.size = 4}, [&](int64_t done, int64_t total) {
    ++calls;
    last = done;
    of = total;
  });
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(last, 5);
  EXPECT_EQ(of, 5);
}

/// Three good images and five bad ones.
void spoil(const std::filesystem::path& folder) {
  const auto png = io::encode_png(noise(12, 12)), jpeg = io::encode_jpeg(noise(32, 32));
  for (const char* name : {"good1.png", "good2.png", "good3.png"}) put(folder / name, png);
  put(folder / "empty.png", "");
  put(folder / "page.png", "<html>404</html>");
  put(folder / "cut.png", png.substr(0, png.size() - 21));
  put(folder / "cut.jpg", jpeg.substr(0, jpeg.size() / 2));
  put(folder / "cut.webp", io::encode_webp(noise(12, 12)).substr(0, 60));
}

TEST(Images, NameAllThatCannotBeUsedAtOnce) {
  const ScratchFolder folder;
  spoil(folder.path());
  const auto message = message_of([&] { ImageSource(folder.path(), {.size = 8}); });
  EXPECT_THAT(message, AllOf(HasSubstr("5 of 8 images"), HasSubstr("on_error = \"skip\"")));
  EXPECT_THAT(message, AllOf(HasSubstr("empty.png: the file is empty"),
                             HasSubstr("page.png: is not a PNG, JPEG, WebP, TIFF or SVG"),
                             HasSubstr("cut.png: this PNG file cannot be decoded: the file is truncated"),
                             HasSubstr("cut.jpg: this JPEG file cannot be decoded"), HasSubstr("cut.webp")));
  EXPECT_THAT(message, Not(HasSubstr("good")));
}

TEST(Images, ListAllFaults) {
  const ScratchFolder folder;
  for (int i = 0; i < 150; ++i) put(folder / (std::to_string(100 + i) + ".png"), "x");
  for (const int64_t cache_mb : {0, 100}) {
    // Of a set that is not decoded beforehand they are looked for when the first is met.
    const auto message = message_of([&] { ImageSource(folder.path(), {.size = 8, .cache_mb = cache_mb}).items({7}); });
    EXPECT_THAT(message,
                AllOf(HasSubstr("150 of 150"), HasSubstr("100.png"), HasSubstr("249.png"), Not(HasSubstr("more"))));
  }
  EXPECT_THAT(message_of([&] { ImageSource(folder.path(), {.size = 8, .on_error = "skip"}); }),
              HasSubstr("none is left"));
}

TEST(Images, SkipWhatCannotBeUsedWhenAsked) {
  const ScratchFolder folder;
  spoil(folder.path());
  for (const int64_t cache_mb : {0, 100}) {
    const ImageSource source(folder.path(), {.size = 8, .cache_mb = cache_mb, .on_error = "skip"});
    EXPECT_EQ(source.size(), 3);
    EXPECT_EQ(source.open_report().left_out.size(), 5u);
    EXPECT_EQ(source.item_name(1), "good2.png");
    EXPECT_TRUE(torch::equal(source.items({2})[0], source.items({0})[0]));
  }
}

TEST(Images, NameABadFileThatIsFoundWhenItIsUsed) {
  const ScratchFolder folder;
  spoil(folder.path());
  const ImageSource source(folder.path(), {.size = 8, .cache_mb = 0});
  EXPECT_EQ(source.size(), 8);
  EXPECT_THAT(message_of([&] { source.items({5, 3, 6}); }),
              AllOf(HasSubstr("5 of 8 images"), HasSubstr("empty.png: the file is empty"), HasSubstr("cut.jpg")));
}

TEST(Images, SayWhatIsMissing) {
  const ScratchFolder folder;
  EXPECT_THAT(message_of([&] { ImageSource(folder / "none"); }),
              AllOf(HasSubstr("none"), HasSubstr("no such file or folder")));
  put(folder / "notes.txt", "x");
  EXPECT_THAT(message_of([&] { ImageSource(folder.path()); }),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("no images found"), HasSubstr("*.webp")));
  io::write_archive(folder / "a.zip", {{"notes.txt", "x"}});
  EXPECT_THAT(message_of([&] { ImageSource(folder / "a.zip"); }),
              AllOf(HasSubstr("a.zip"), HasSubstr("no images found")));
}

TEST(Images, RefuseBadOptions) {
  const ScratchFolder folder;
  fill(folder.path());
  const auto message = [&](const ImageOptions& options) {
    return message_of([&] { ImageSource(folder.path(), options); });
  };
  EXPECT_THAT(message({.size = 0}), AllOf(HasSubstr("size"), HasSubstr("1 to 4096"), HasSubstr("got 0")));
  EXPECT_THAT(message({.crop = "center"}), AllOf(HasSubstr("crop"), HasSubstr("\"center\""), HasSubstr("centre")));
  EXPECT_THAT(message({.crop = "8x8+1"}), HasSubstr("WxH+dx,dy"));
  EXPECT_THAT(message({.filter = "cubic"}), HasSubstr("bicubic"));
  EXPECT_THAT(message({.background = "blue"}), AllOf(HasSubstr("background"), HasSubstr("#rrggbb")));
  EXPECT_THAT(message({.on_error = "ignore"}), AllOf(HasSubstr("on_error"), HasSubstr("fail, skip")));
  EXPECT_THAT(message({.crop = "40x8"}), AllOf(HasSubstr("b.png: the crop of 40x8"), HasSubstr("30x20")));
}

TEST(Images, OpensASingleFileAndTheSharedShard) {
  const ScratchFolder folder;
  put(folder / "one.jpg", io::encode_jpeg(plain(20, 20, 77), 100));
  EXPECT_NEAR(mean_red(ImageSource(folder / "one.jpg", {.size = 5}), 0), 77, 2);
  MONGE_NEEDS_SHARED("data/faces64-test.tar");
  const ImageSource faces(testing::shared_folder() / "data/faces64-test.tar", {.size = 64});
  EXPECT_EQ(faces.size(), 300);
  EXPECT_EQ(faces.item_name(7), "000007.jpg");
  EXPECT_LT(faces.items({0, 1}).abs().mean().item<double>(), 1);
}

/// What a log is told.
struct LoggedLines {
  std::vector<std::string> lines, warnings;
  LogSink sink() {
    return [this](LogLevel level, const std::string& line) {
      (level == LogLevel::warning ? warnings : lines).push_back(line);
    };
  }
};

/// Red above blue, stored with an orientation.
std::string turned(int orientation, bool transposed) {
  auto image = torch::zeros({16, 16, 3}, torch::kUInt8);
  const auto half = transposed ? image.slice(1, 0, 8) : image.slice(0, 0, 8);
  half.select(2, 0).fill_(255);
  return testing::png_with_exif(io::encode_png(image), testing::exif_block(static_cast<uint32_t>(orientation)));
}

TEST(Images, AreBroughtUprightUnlessAskedNotTo) {
  const ScratchFolder folder;
  put(folder / "1.png", turned(1, false));
  put(folder / "5.png", turned(5, true));
  for (const int64_t cache_mb : {0, 100}) {
    LoggedLines logged;
    const ImageSource source(folder.path(), {.size = 16, .cache_mb = cache_mb}, {}, logged.sink());
    const auto items = source.stored_items({0, 1});
    EXPECT_TRUE(torch::equal(items[0], items[1])) << cache_mb;
    EXPECT_THAT(logged.lines,
                ::testing::ElementsAre(folder.path().string() + ": turned 1 image upright by the EXIF orientation"));
    EXPECT_THAT(source.open_report().noticed, ::testing::ElementsAre("turned 1 image upright by the EXIF orientation"));
  }
  LoggedLines logged;
  const ImageSource stored(folder.path(), {.size = 16, .exif = "ignore"}, {}, logged.sink());
  const auto items = stored.stored_items({0, 1});
  EXPECT_TRUE(torch::equal(items[0], items[1].transpose(1, 2)));
  EXPECT_THAT(logged.lines, ::testing::ElementsAre(HasSubstr("kept 1 image as stored")));
  EXPECT_THAT(message_of([&] { ImageSource(folder.path(), {.exif = "maybe"}); }),
              AllOf(HasSubstr("exif"), HasSubstr("\"maybe\""), HasSubstr("apply, ignore")));
  // Metrics look at files as their references do, which open them by Pillow and turn nothing.
  EXPECT_TRUE(torch::equal(ImageSet(folder.path()).load(1, 2)[0].rgb_HWC, items[1].permute({1, 2, 0})));
}

TEST(Images, TellWhatTheCentreCropLeavesOut) {
  const ScratchFolder folder;
  put(folder / "a.png", io::encode_png(noise(10, 10)));
  put(folder / "b.png", io::encode_png(noise(10, 20)));
  LoggedLines logged;
  const ImageSource centre(folder.path(), {.size = 8}, {}, logged.sink());
  EXPECT_THAT(logged.lines, ::testing::ElementsAre(HasSubstr("cropped 1 image to the middle square")));
  for (const char* chosen : {"none", "8x8"}) {
    logged.lines.clear();
    const ImageSource other(folder.path(), {.size = 8, .crop = chosen}, {}, logged.sink());
    EXPECT_TRUE(logged.lines.empty()) << chosen;
  }
}

std::string deep(int64_t most, int64_t seed = 1) {
  auto values = torch::randint(0, most, {12, 12, 1}, RandomStreams(1).at("samples", seed), torch::kInt64);
  values[0][0][0] = most;
  values[0][1][0] = 0;
  return io::encode_png(testing::deep_image(values));
}

TEST(Images, OfTwelveBitsAreNoticedAndScaled) {
  const ScratchFolder folder;
  put(folder / "a.png", deep(4095));
  put(folder / "b.png", deep(4095, 2));
  LoggedLines logged;
  const ImageSource full(folder.path(), {.size = 12}, {}, logged.sink());
  EXPECT_LE(full.stored_items({0, 1}).max().item<int>(), 16);
  EXPECT_THAT(logged.warnings,
              ::testing::ElementsAre(AllOf(HasSubstr("all 2 16-bit images together use the values 0..4095 of 0..65535"),
                                           HasSubstr("0..4095"))));
  torch::Tensor by_hand;
  for (const char* range : {"0..4095", "auto"}) {
    LoggedLines quiet;
    const ImageSource scaled(folder.path(), {.size = 12, .range = range}, {}, quiet.sink());
    EXPECT_TRUE(quiet.warnings.empty()) << range;
    const auto items = scaled.stored_items({0, 1});
    if (!by_hand.defined()) by_hand = items;
    EXPECT_TRUE(torch::equal(items, by_hand)) << range;
    EXPECT_EQ(items[0][0][0][0].item<int>(), 255);
    EXPECT_EQ(scaled.open_report().range, "0..4095");
  }
  LoggedLines clamped;
  const ImageSource narrow(folder.path(), {.size = 12, .range = "0..2047"}, {}, clamped.sink());
  EXPECT_THAT(clamped.warnings,
              ::testing::ElementsAre(AllOf(HasSubstr("use the values 0..4095"), HasSubstr("beyond the range 0..2047"),
                                           HasSubstr("clamped"))));
  EXPECT_THAT(narrow.open_report().noticed, ::testing::Contains(HasSubstr("clamped")));
  // What is left of a value is what 4,096 steps leave, not 17.
  const auto values =
      io::decode_image(real_files().read(folder / "a.png"), "a.png", {.keep_sixteen_bits = true}).to(torch::kFloat64);
  EXPECT_TRUE(torch::equal(by_hand[0][0], (values.select(2, 0) * 255 / 4095).round().to(torch::kUInt8)));
  EXPECT_THAT(message_of([&] { ImageSource(folder.path(), {.range = "12"}); }),
              AllOf(HasSubstr("range"), HasSubstr("LOW..HIGH")));
}

TEST(Images, KeepTheirSixteenBitsAsFloatsWhenAsked) {
  const ScratchFolder folder;
  put(folder / "a.png", deep(65535));
  put(folder / "b.png", io::encode_png(noise(12, 12)));
  const ImageSource source(folder.path(), {.size = 12, .bits = 16, .cache_mb = 0}),
      rounded(folder.path(), {.size = 12, .cache_mb = 0});
  EXPECT_EQ(source.sample_bits(0), 16);
  EXPECT_EQ(source.sample_bits(1), 8);
  const auto items = source.items({0, 1}), bytes = rounded.items({0, 1});
  const auto values =
      io::decode_image(real_files().read(folder / "a.png"), "a.png", {.keep_sixteen_bits = true}).to(torch::kFloat64);
  EXPECT_LT((items[0][0].to(torch::kFloat64) - (values.select(2, 0) / 32767.5 - 1)).abs().max().item<double>(), 1e-6);
  EXPECT_LT((items[0] - bytes[0]).abs().max().item<double>(), 0.00393) << "half a step of 255";
  EXPECT_TRUE(torch::equal(items[1], bytes[1])) << "a file of 8 bits is what it was";
  // That the set is looked through in 8 bits beforehand converts nothing.
  std::vector<std::string> lines;
  const LogSink log = [&](LogLevel, const std::string& line) { lines.push_back(line); };
  const ImageSource looked(folder.path(), {.size = 12, .bits = 16, .cache_mb = 0, .on_error = "skip"}, {}, log);
  looked.items({0, 1});
  EXPECT_THAT(looked.open_report().noticed, ::testing::IsEmpty());
  EXPECT_THAT(lines, ::testing::IsEmpty());
  // Cropped and resized: within a rounding of the way by 8 bits.
  const ImageSource small(folder.path(), {.size = 5, .crop = "9x7+1,1", .bits = 16, .cache_mb = 0}),
      small8(folder.path(), {.size = 5, .crop = "9x7+1,1", .cache_mb = 0});
  EXPECT_LT((small.items({0}) - small8.items({0})).abs().max().item<double>(), 0.012);
}

TEST(Images, StayGreyWhereAllFilesAre) {
  const ScratchFolder folder;
  put(folder / "a.png", io::encode_png(plain(9, 9, 50, 1)));
  put(folder / "b.jpg", io::encode_jpeg(plain(16, 16, 90, 1), 100));
  for (const int64_t cache_mb : {0, 100}) {
    const ImageSource grey(folder.path(), {.size = 8, .colour = "auto", .cache_mb = cache_mb}),
        rgb(folder.path(), {.size = 8, .cache_mb = cache_mb});
    EXPECT_EQ(grey.item_shape(), (std::vector<int64_t>{1, 8, 8}));
    EXPECT_TRUE(torch::equal(grey.items({0, 1}).expand({-1, 3, -1, -1}), rgb.items({0, 1})));
    const GreyAsRgb wide(
        std::make_shared<ImageSource>(folder.path(), ImageOptions{.size = 8, .colour = "auto", .cache_mb = cache_mb}));
    EXPECT_EQ(wide.item_shape(), rgb.item_shape());
    EXPECT_TRUE(torch::equal(wide.items({1, 0}), rgb.items({1, 0})));
    EXPECT_EQ(wide.item_name(1), "b.jpg");
  }
  // The old option keeps its three channels.
  EXPECT_EQ(ImageSource(folder.path(), {.size = 8, .grey = true, .colour = "auto"}).item_shape()[0], 3);
}

TEST(Images, ThatHaveColourAreNotTakenForGrey) {
  const ScratchFolder folder;
  for (int i = 0; i < 100; ++i) put(folder / (std::to_string(1000 + i) + ".png"), io::encode_png(plain(8, 8, i, 1)));
  put(folder / "1002.png",
      io::encode_png(plain(8, 8, 200)));  // one in colour, which no sample of 64 of the 100 looks at
  const ImageSource cached(folder.path(), {.size = 8, .colour = "auto"});
  EXPECT_EQ(cached.item_shape()[0], 3) << "found when all were decoded";
  const ImageSource at_use(folder.path(), {.size = 8, .colour = "auto", .cache_mb = 0});
  EXPECT_EQ(at_use.item_shape()[0], 1);
  EXPECT_THAT(message_of([&] { at_use.items({0, 2}); }),
              AllOf(HasSubstr("1002.png: has colour"), HasSubstr("colour = \"rgb\"")));
  LoggedLines logged;
  const ImageSource luma(folder.path(), {.size = 8, .colour = "grey"}, {}, logged.sink());
  EXPECT_THAT(logged.lines, ::testing::Contains(HasSubstr("used the luma of 1 image with colour")));
  EXPECT_EQ(luma.stored_items({2})[0][0][0][0].item<int>(), (19595 * 200 + 38470 * 100 + 7471 * 100 + 32768) >> 16);
  EXPECT_THAT(message_of([&] { ImageSource(folder.path(), {.colour = "gray"}); }),
              AllOf(HasSubstr("colour"), HasSubstr("auto, rgb, grey")));
}

TEST(Images, AreGivenAtTheirOwnSizesOneByOne) {
  const ScratchFolder folder;
  const auto wide = noise(6, 10);
  put(folder / "a.png", io::encode_png(wide));
  put(folder / "b.png", deep(65535));
  const NativeImageSource source(folder.path(), {.bits = 16}, silent());
  EXPECT_EQ(source.item_shape(), (std::vector<int64_t>{3, 0, 0}));
  EXPECT_TRUE(torch::equal(source.stored_items({0})[0], wide.permute({2, 0, 1})));
  EXPECT_EQ(source.items({1}).sizes(), torch::IntArrayRef({1, 3, 12, 12}));
  EXPECT_EQ(source.sample_bits(1), 16);
  EXPECT_THAT(message_of([&] { source.items({0, 1}); }), HasSubstr("one at a time"));
  put(folder / "aa.png", "<html>");
  put(folder / "ab.png", io::encode_png(noise(1, 16385)));
  const NativeImageSource skipping(folder.path(), {.on_error = "skip"}, silent());
  EXPECT_EQ(skipping.size(), 2);
  EXPECT_EQ(skipping.item_name(1), "b.png");
  EXPECT_THAT(skipping.open_report().left_out,
              ::testing::ElementsAre(HasSubstr("aa.png"),
                                     AllOf(HasSubstr("ab.png"), HasSubstr("16385x1"), HasSubstr("at most 16384"))));
  EXPECT_THAT(message_of([&] { NativeImageSource(folder.path(), {}, silent()); }),
              AllOf(HasSubstr("2 of 4 images cannot be used"), HasSubstr("aa.png"), HasSubstr("ab.png"),
                    HasSubstr("on_error")));
}

}  // namespace
}  // namespace monge::data
