#include "monge/data/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/data/images.h"
#include "monge/data/packed_set.h"
#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "tests/io/odd_images.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::ScratchFolder;
using testing::write_file;

const std::atomic<bool> kGoOn{false};

torch::Tensor noise(int64_t seed, int64_t height, int64_t width) {
  return torch::randint(0, 256, {height, width, 3}, RandomStreams(1).at("pixels", seed), torch::kUInt8);
}

/// `count` images of different sizes: "00.png", "01.jpg", ...
void fill(const fs::path& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const auto image = noise(i, 20 + i % 7, 22 + i % 5);
    const auto name = std::to_string(i / 10) + std::to_string(i % 10);
    write_file(folder / (name + (i % 2 ? ".jpg" : ".png")), i % 2 ? io::encode_jpeg(image, 95) : io::encode_png(image));
  }
}

/// Name and content of every file under a folder.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      out[entry.path().lexically_relative(folder).string()] = real_files().read(entry.path());
  }
  return out;
}

PackResult pack_all(const fs::path& from, const fs::path& to, const PackOptions& options = {}) {
  return pack(from, to, options, silent(), {}, kGoOn);
}

/// Small shards, so that there are several.
PackOptions small(int64_t images_per_shard = 3) {
  PackOptions options;
  options.preparation.height = options.preparation.width = 16;
  options.shard_bytes = images_per_shard * 16 * 16 * 3;
  return options;
}

TEST(Pack, HoldsWhatTheSourceWouldGive) {
  const ScratchFolder folder;
  fill(folder / "set", 11);
  const auto result = pack_all(folder / "set", folder / "packed", small());
  ASSERT_EQ(result.parts.size(), 1u);
  EXPECT_EQ(result.parts[0].images, 11);
  EXPECT_EQ(result.parts[0].shards, 4);
  const ImageSource plain(folder / "set", {.size = 16}), packed(folder / "packed", {.size = 16});
  ASSERT_EQ(packed.size(), 11);
  EXPECT_TRUE(packed.is_quick());
  const std::vector<int64_t> some{10, 0, 3, 3, 7};
  EXPECT_TRUE(torch::equal(packed.stored_items(some), plain.stored_items(some)));
  EXPECT_EQ(packed.stored_items(some).strides(), plain.stored_items(some).strides());
  for (int64_t i = 0; i < 11; ++i) EXPECT_EQ(packed.item_name(i), plain.item_name(i));
  // Another size than the packed one: prepared anew from the packed pixels.
  EXPECT_EQ(ImageSource(folder / "packed", {.size = 8}).items({4}).sizes(), (std::vector<int64_t>{1, 3, 8, 8}));
  EXPECT_TRUE(verify_packed_set(folder / "packed").empty());
  EXPECT_FALSE(fs::exists(folder / "packed.part"));
}

TEST(Pack, IsReadAsNpyAndJson) {
  const ScratchFolder folder;
  fill(folder / "set", 5);
  pack_all(folder / "set", folder / "packed", small());
  const auto manifest = nlohmann::json::parse(real_files().read(folder / "packed/manifest.json"));
  std::vector<torch::Tensor> shards;
  for (const auto& shard : manifest["shards"])
    shards.push_back(io::read_npy(folder / "packed" / shard["file"].get<std::string>()));
  const auto all = torch::cat(shards);
  EXPECT_EQ(all.sizes(), (std::vector<int64_t>{5, 16, 16, 3}));
  EXPECT_TRUE(torch::equal(all[4].permute({2, 0, 1}), ImageSource(folder / "set", {.size = 16}).stored_items({4})[0]));
  EXPECT_EQ(real_files().read(folder / "packed/names.txt"), "00.png\n01.jpg\n02.png\n03.jpg\n04.png\n");
  EXPECT_EQ(io::read_npy(folder / "packed/content.npy")[2].item<int64_t>(),
            static_cast<int64_t>(content_hash64(real_files().read(folder / "set/02.png"))));
}

TEST(Pack, KeepsEncodedFilesAsTheyAre) {
  const ScratchFolder folder;
  fill(folder / "set", 7);
  PackOptions options;
  options.encoded = true;
  options.shard_bytes = 4500;  // some three of these
  const auto result = pack_all(folder / "set", folder / "packed", options);
  EXPECT_GT(result.parts[0].shards, 1);
  const auto packed = open_image_collection(folder / "packed", silent()),
             plain = open_image_collection(folder / "set", silent());
  ASSERT_EQ(packed->size(), 7);
  for (int64_t i = 0; i < 7; ++i) {
    std::string a, b;
    EXPECT_EQ(packed->bytes(i, a), plain->bytes(i, b));
    EXPECT_EQ(packed->name(i), plain->name(i));
    EXPECT_EQ(packed->content(i), plain->content(i));
  }
  const ImageSource both[] = {ImageSource(folder / "set", {.size = 12}), ImageSource(folder / "packed", {.size = 12})};
  EXPECT_TRUE(torch::equal(both[0].items({6, 0}), both[1].items({6, 0})));
  EXPECT_GT(io::read_archive(folder / "packed/encoded-00000.tar").size(), 1u);
  EXPECT_TRUE(verify_packed_set(folder / "packed").empty());
  pack_all(folder / "set", folder / "pixels", small());
  EXPECT_THAT(message_of([&] { pack_all(folder / "pixels", folder / "again", options); }),
              HasSubstr("leave out PackOptions::encoded"));
}

TEST(Pack, PreparesInOneLineAsTheAnimeFacesWant) {
  const ScratchFolder folder;
  write_file(folder / "set/a.png", io::encode_png(noise(1, 64, 80)));
  PackOptions options;
  options.preparation = {.height = 12, .width = 12, .resize_to = 32, .crop = "24x24+0,-2"};
  pack_all(folder / "set", folder / "packed", options);
  const auto first = io::resize_uint8(noise(1, 64, 80), 32, 40, io::Filter::bicubic);
  const auto part = first.slice(0, 2, 26).slice(1, 8, 32).contiguous();
  const auto expected = io::resize_uint8(part, 12, 12, io::Filter::bicubic);
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "packed/pixels-00000.npy")[0], expected));
}

TEST(Pack, TakesRectangles) {
  const ScratchFolder folder;
  write_file(folder / "set/a.png", io::encode_png(noise(1, 100, 80)));
  PackOptions options;
  options.preparation.height = 10;
  options.preparation.width = 20;
  pack_all(folder / "set", folder / "packed", options);
  const auto expected = io::resize_uint8(noise(1, 100, 80).slice(0, 30, 70).contiguous(), 10, 20, io::Filter::bicubic);
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "packed/pixels-00000.npy")[0], expected));
}

/// Waits until the child has ended; whether it was killed.
bool was_killed(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

// The child kills itself after some images, at another one each time, as a machine that fails does.
TEST(Pack, GoesOnAfterAKillAndMakesTheSameBytes) {
  const ScratchFolder folder;
  fill(folder / "set", 23);
  for (const bool encoded : {false, true}) {
    auto options = small(2);
    options.encoded = encoded;
    if (encoded) options.shard_bytes = 3000;
    const auto undisturbed = folder / (encoded ? "a-encoded" : "a"), packed = folder / (encoded ? "b-encoded" : "b");
    pack_all(folder / "set", undisturbed, options);
    int kills = 0;
    for (int after = 1; after <= 13; after += 4) {
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        pack(
            folder / "set", packed, options, silent(),
            [&](int64_t done, int64_t) {
              if (done >= after) raise(SIGKILL);
            },
            kGoOn);
        _exit(0);
      }
      kills += was_killed(child);
      EXPECT_FALSE(fs::exists(packed));
    }
    EXPECT_EQ(kills, 4);
    const auto result = pack_all(folder / "set", packed, options);
    EXPECT_GT(result.parts[0].resumed, 0);
    EXPECT_EQ(files_of(packed), files_of(undisturbed));
  }
}

TEST(Pack, MakesAShardAnewThatWasDamagedMeanwhile) {
  const ScratchFolder folder;
  fill(folder / "set", 12);
  pack_all(folder / "set", folder / "a", small());
  std::atomic<bool> stop{false};
  pack(folder / "set", folder / "b", small(), silent(), [&](int64_t done, int64_t) { stop = stop || done >= 8; }, stop);
  const auto shard = folder / "b.part/pixels-00000.npy";
  ASSERT_TRUE(fs::exists(shard));
  auto bytes = real_files().read(shard);
  bytes.back() ^= 1;
  real_files().replace(shard, bytes);
  const auto record = folder / "b.part/shard-00001.record";
  ASSERT_TRUE(fs::exists(record));
  const std::string forged(100, '\x81');  // the hash is right, and nothing else
  real_files().replace(record, content_hash(forged) + forged);
  pack_all(folder / "set", folder / "b", small());
  EXPECT_EQ(files_of(folder / "b"), files_of(folder / "a"));
}

// The states that a kill leaves between the steps of beginning and of ending.
TEST(Pack, GoesOnAfterAKillBetweenItsSteps) {
  const ScratchFolder folder;
  fill(folder / "set", 7);
  pack_all(folder / "set", folder / "a", small());
  fs::create_directories(folder / "b.part");
  write_file(folder / "b.part/.plan.part", "half of a pl");
  write_file(folder / "b.part/.lock", "");
  pack_all(folder / "set", folder / "b", small());
  EXPECT_EQ(files_of(folder / "b"), files_of(folder / "a"));
  fs::copy(folder / "a", folder / "c.part", fs::copy_options::recursive);
  const auto result = pack_all(folder / "set", folder / "c", small());
  EXPECT_EQ(result.parts[0].images, 7);
  EXPECT_EQ(result.parts[0].resumed, result.parts[0].shards);
  EXPECT_EQ(files_of(folder / "c"), files_of(folder / "a"));
  fs::copy(folder / "a", folder / "d.part", fs::copy_options::recursive);
  fs::remove(folder / "d.part/manifest.json");  // and the records are gone: all is made again
  pack_all(folder / "set", folder / "d", small());
  EXPECT_EQ(files_of(folder / "d"), files_of(folder / "a"));
}

TEST(Pack, TakesTheNameOfAFolderWithASlash) {
  const ScratchFolder folder;
  fill(folder / "set", 4);
  pack_all(folder / "set", folder / "packed/", small());
  EXPECT_TRUE(is_packed_set(folder / "packed"));
  EXPECT_FALSE(fs::exists(folder / "packed/.part"));
}

TEST(Pack, SeesThatAPackedSourceIsAnother) {
  const ScratchFolder folder;
  fill(folder / "set", 4);
  pack_all(folder / "set", folder / "first", small());
  pack_all(folder / "first", folder / "second", small());
  fs::remove_all(folder / "first");
  auto grey = small();
  grey.preparation.grey = true;
  pack_all(folder / "set", folder / "first", grey);
  EXPECT_THAT(message_of([&] { pack_all(folder / "first", folder / "second", small()); }),
              HasSubstr("of other images or options"));
}

TEST(Pack, StopsWhenAskedAndGoesOn) {
  const ScratchFolder folder;
  fill(folder / "set", 12);
  std::atomic<bool> stop{false};
  const auto result = pack(
      folder / "set", folder / "packed", small(), silent(), [&](int64_t done, int64_t) { stop = stop || done >= 5; },
      stop);
  EXPECT_FALSE(result.complete);
  EXPECT_FALSE(fs::exists(folder / "packed"));
  const auto rest = pack_all(folder / "set", folder / "packed", small());
  EXPECT_EQ(rest.parts[0].images, 12);
  EXPECT_EQ(rest.parts[0].resumed, 1);
}

TEST(Pack, LeavesAloneWhatIsThereAndRefusesToReplaceIt) {
  const ScratchFolder folder;
  fill(folder / "set", 4);
  pack_all(folder / "set", folder / "packed", small());
  EXPECT_TRUE(pack_all(folder / "set", folder / "packed", small()).parts[0].was_there);
  auto other = small();
  other.preparation.grey = true;
  EXPECT_THAT(message_of([&] { pack_all(folder / "set", folder / "packed", other); }),
              HasSubstr("packed set of other images or options"));
  fill(folder / "set", 5);
  EXPECT_THAT(message_of([&] { pack_all(folder / "set", folder / "packed", small()); }),
              HasSubstr("packed set of other images or options"));
  write_file(folder / "full/notes.txt", "mine");
  EXPECT_THAT(message_of([&] { pack_all(folder / "set", folder / "full", small()); }),
              HasSubstr("exists and is not a packed set"));
  EXPECT_EQ(real_files().read(folder / "full/notes.txt"), "mine");
  write_file(folder / "new.part/notes.txt", "mine");
  EXPECT_THAT(message_of([&] { pack_all(folder / "set", folder / "new", small()); }),
              AllOf(HasSubstr("new.part"), HasSubstr("holds other files (notes.txt)")));
  EXPECT_EQ(real_files().read(folder / "new.part/notes.txt"), "mine");
}

TEST(Pack, BeginsAnewWhereThePartIsOfOtherImages) {
  const ScratchFolder folder;
  fill(folder / "set", 12);
  std::atomic<bool> stop{false};
  pack(
      folder / "set", folder / "packed", small(), silent(), [&](int64_t done, int64_t) { stop = stop || done >= 7; },
      stop);
  write_file(folder / "set/00.png", io::encode_png(noise(99, 31, 33)));
  std::vector<std::string> logged;
  const auto result = pack(
      folder / "set", folder / "packed", small(), [&](LogLevel, const std::string& line) { logged.push_back(line); },
      {}, kGoOn);
  EXPECT_EQ(result.parts[0].resumed, 0);
  ASSERT_EQ(logged.size(), 1u);
  EXPECT_THAT(logged[0], HasSubstr("packing starts again"));
  EXPECT_TRUE(torch::equal(ImageSource(folder / "packed", {.size = 16}).items({0}),
                           ImageSource(folder / "set", {.size = 16}).items({0})));
}

TEST(Pack, NamesAllThatCannotBeUsedOrSkipsThem) {
  const ScratchFolder folder;
  fill(folder / "set", 9);
  write_file(folder / "set/01.jpg", "<html>404</html>");
  write_file(folder / "set/05.jpg", "");
  write_file(folder / "set/08.png", io::encode_png(noise(3, 30, 30)).substr(0, 500));
  const auto message = message_of([&] { pack_all(folder / "set", folder / "packed", small()); });
  EXPECT_THAT(message, AllOf(HasSubstr("3 of 9 images"), HasSubstr("01.jpg"), HasSubstr("05.jpg"), HasSubstr("08.png"),
                             HasSubstr("PackOptions::on_error = \"skip\"")));
  EXPECT_FALSE(fs::exists(folder / "packed"));
  auto skip = small();
  skip.on_error = "skip";
  const auto result = pack_all(folder / "set", folder / "packed", skip);
  EXPECT_EQ(result.parts[0].images, 6);
  EXPECT_EQ(result.parts[0].left_out.size(), 3u);
  const ImageSource packed(folder / "packed", {.size = 16});
  EXPECT_EQ(packed.size(), 6);
  EXPECT_EQ(packed.item_name(1), "02.png");
  const auto manifest = nlohmann::json::parse(real_files().read(folder / "packed/manifest.json"));
  EXPECT_EQ(manifest["left_out"].size(), 3u);
}

TEST(Pack, ConvertsOnlyWhereItMay) {
  const ScratchFolder folder;
  fill(folder / "set", 2);
  write_file(folder / "set/inks.jpg", testing::cmyk_jpeg(torch::full({20, 20, 4}, 90, torch::kUInt8), true));
  const auto result = pack_all(folder / "set", folder / "packed", small());
  EXPECT_EQ(result.parts[0].images, 3);
  EXPECT_EQ(io::conversion_text(result.parts[0].notes.converted), "converted 1 CMYK image to 8-bit grey or RGB");
  auto options = small();
  options.convert = false;
  EXPECT_THAT(message_of([&] { pack_all(folder / "set", folder / "other", options); }),
              AllOf(HasSubstr("1 of 3 images"), HasSubstr("inks.jpg: is a CMYK image")));
  EXPECT_THAT(message_of([&] { ImageSource(folder / "set", {.size = 8, .convert = false}); }),
              HasSubstr("inks.jpg: is a CMYK image"));
}

TEST(Pack, DealsByNameSoThatNewImagesMoveNobody) {
  const ScratchFolder folder;
  fill(folder / "set", 40);
  auto options = small(50);
  options.split = parse_split("train=0.6,test=0.3");
  pack_all(folder / "set", folder / "first", options);
  fill(folder / "set", 70);
  pack_all(folder / "set", folder / "second", options);
  const auto names = [&](const fs::path& set) {
    std::vector<std::string> out;
    const auto images = open_image_collection(set, silent());
    for (int64_t i = 0; i < images->size(); ++i) out.push_back(images->name(i));
    return out;
  };
  for (const char* part : {"train", "test"}) {
    const auto before = names(folder / "first" / part), after = names(folder / "second" / part);
    EXPECT_GT(after.size(), before.size());
    for (const auto& name : before) EXPECT_THAT(after, ::testing::Contains(name)) << part;
  }
  EXPECT_LT(names(folder / "second/train").size() + names(folder / "second/test").size(), 70u)
      << "a tenth goes to none";
  options.split_by = "order";
  options.split = parse_split("a=0.5,b=0.5");
  pack_all(folder / "set", folder / "third", options);
  EXPECT_EQ(names(folder / "third/a").size(), 35u);
  EXPECT_EQ(names(folder / "third/b").front(), "35.jpg");
}

TEST(PackedSet, FindsWhatIsDamaged) {
  const ScratchFolder folder;
  fill(folder / "set", 5);
  const auto set = folder / "packed", shard = set / "pixels-00001.npy", manifest = set / "manifest.json";
  pack_all(folder / "set", set, small());
  const auto pixels = real_files().read(shard), text = real_files().read(manifest);
  const auto message = [&] { return message_of([&] { open_image_collection(set, silent()); }); };

  auto flipped = pixels;
  flipped[pixels.size() - 1] ^= 1;
  real_files().replace(shard, flipped);
  EXPECT_THAT(verify_packed_set(set), ElementsAre(HasSubstr("pixels-00001.npy: is damaged")));
  real_files().replace(shard, pixels.substr(0, pixels.size() - 1));
  EXPECT_THAT(message(), AllOf(HasSubstr("pixels-00001.npy"), HasSubstr("instead of")));
  fs::remove(shard);
  EXPECT_THAT(message(), HasSubstr("is missing"));
  flipped = pixels;
  flipped[40] ^= 1;
  real_files().replace(shard, flipped);
  EXPECT_THAT(message(), HasSubstr("is not a .npy file of uint8"));
  real_files().replace(shard, pixels);

  const auto changed = [&](const std::string& from, const std::string& to) {
    auto out = text;
    const auto at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    real_files().replace(manifest, out.replace(at, from.size(), to));
    return message();
  };
  EXPECT_THAT(changed("\"version\": 1", "\"version\": 2"), HasSubstr("a newer monge wrote this packed set"));
  EXPECT_THAT(changed("\"count\": 5", "\"count\": 6"), HasSubstr("counts 6 images, but its shards hold 5"));
  EXPECT_THAT(changed("\"count\": 5", "\"count\": -5"), HasSubstr("no valid \"count\""));
  EXPECT_THAT(changed("pixels-00001.npy", "../set/00.png"), HasSubstr("is outside the set"));
  EXPECT_THAT(changed("\"height\": 16", "\"height\": 17"), HasSubstr("is not a .npy file of uint8"));
  EXPECT_THAT(changed("\"shards\"", "\"shard\""), HasSubstr("no list \"shards\""));
  EXPECT_THAT(changed("\"kind\": \"pixels\"", "\"kind\": \"voxels\""), HasSubstr("no \"kind\""));
  real_files().replace(manifest, text.substr(0, text.size() / 2));
  EXPECT_THAT(message(), HasSubstr("is not that of a packed set"));
  EXPECT_THAT(changed("\"version\": 1", "\"version\": " + std::string(100'000, '[') + std::string(100'000, ']')),
              HasSubstr("is not that of a packed set"));
  real_files().replace(manifest, text);

  const auto names = real_files().read(set / "names.txt");
  auto evil = names;
  evil.replace(0, 6, "../../");
  real_files().replace(set / "names.txt", evil);
  EXPECT_THAT(message_of([&] { open_image_collection(set, silent())->name(0); }),
              AllOf(HasSubstr("names.txt, line 1"), HasSubstr("leaves the set by \"..\"")));
}

TEST(PackedSet, KeepsOddNames) {
  for (const std::string name : {"a\nb", "100%", "%0A", "a\rb", "\xff"}) {
    EXPECT_EQ(packed_name_of_line(packed_name_line(name)), name);
    EXPECT_THAT(packed_name_line(name), Not(HasSubstr("\n")));
  }
}

TEST(Pack, BringsUprightAndScalesTwelveBits) {
  const ScratchFolder folder;
  const auto values = torch::randint(0, 4096, {16, 16, 1}, RandomStreams(5).at("samples", 0), torch::kInt64);
  write_file(folder / "set/deep.png", io::encode_png(testing::deep_image(values)));
  write_file(folder / "set/turned.png",
             testing::png_with_exif(io::encode_png(noise(2, 16, 16)), testing::exif_block(3)));
  auto options = small();
  const auto full = pack_all(folder / "set", folder / "full", options).parts[0].notes;
  EXPECT_EQ(full.upright, 1);
  EXPECT_THAT(io::unused_range_warning(full, "--range"), HasSubstr("--range"));
  const auto pixels = [&](const char* set, int64_t i) {
    return ImageSource(folder / set, {.size = 16}).stored_items({i})[0];
  };
  EXPECT_TRUE(torch::equal(pixels("full", 1), noise(2, 16, 16).flip({0, 1}).permute({2, 0, 1})));
  EXPECT_LE(pixels("full", 0).max().item<int>(), 16);

  options.preparation.range = "auto";
  options.preparation.exif = "ignore";
  pack_all(folder / "set", folder / "scaled", options);
  EXPECT_TRUE(torch::equal(pixels("scaled", 1), noise(2, 16, 16).permute({2, 0, 1})));
  EXPECT_TRUE(torch::equal(pixels("scaled", 0)[0],
                           (values.select(2, 0).to(torch::kFloat64) * 255 / 4095).round().to(torch::kUInt8)));
  const auto manifest = nlohmann::json::parse(real_files().read(folder / "scaled/manifest.json"));
  EXPECT_EQ(manifest["preparation"]["range"], "0..4095");
  EXPECT_EQ(manifest["preparation"]["exif"], "ignore");
  EXPECT_EQ(manifest["grey"], false);
  EXPECT_TRUE(pack_all(folder / "set", folder / "scaled", options).parts[0].was_there) << "the same measurement";
}

TEST(Pack, RemembersThatAllFilesWereGrey) {
  const ScratchFolder folder;
  for (int i = 0; i < 3; ++i)
    write_file(folder / "set" / (std::to_string(i) + ".png"),
               io::encode_png(noise(i, 16, 16).narrow(2, 0, 1).contiguous()));
  pack_all(folder / "set", folder / "packed", small());
  const ImageSource packed(folder / "packed", {.size = 16, .colour = "auto"}),
      files(folder / "set", {.size = 16, .colour = "auto"});
  EXPECT_EQ(packed.item_shape()[0], 1);
  EXPECT_TRUE(packed.is_quick());
  EXPECT_TRUE(torch::equal(packed.items({0, 1, 2}), files.items({0, 1, 2})));
  EXPECT_EQ(ImageSource(folder / "packed", {.size = 16}).item_shape()[0], 3);
}

}  // namespace
}  // namespace monge::data
