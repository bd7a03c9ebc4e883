// What is done with a trained map, from outside: translate, eval, export, info.
#include <torch/types.h>

#include <algorithm>

#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"
#include "tests/io/odd_images.h"
#include "tests/support/zips.h"

namespace monge {
namespace {

TEST_F(Cli, TranslatesImagesOfEveryKindAndKeepsTheirNames) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  auto result = monge(folder.path(), "translate run images out --samples 2 --grid grid.png");
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* name : {"0_1.png", "0_2.png", "inner/1_1.png", "inner/5_2.png"})
    EXPECT_TRUE(fs::exists(folder / "out" / name)) << name;
  EXPECT_THAT(result.err, HasSubstr("6 of 6 images are larger than the 16 x 16 pixels of the training"));
  EXPECT_EQ(io::read_image(folder / "out/inner/1_1.png").sizes(), torch::IntArrayRef({20, 24, 3}));
  EXPECT_TRUE(fs::exists(folder / "grid.png"));

  ASSERT_EQ(monge(folder.path(), "translate run images/2.png one.jpg -q --size train").code, 0);
  EXPECT_EQ(io::read_image(folder / "one.jpg").sizes(), torch::IntArrayRef({16, 16, 3}));

  io::write_archive(folder / "in.tar", {{"a/x.png", testing::slurp(folder / "images/0.png")},
                                        {"y.png", testing::slurp(folder / "images/2.png")}});
  ASSERT_EQ(monge(folder.path(), "translate run in.tar out.zip -q").code, 0);
  const auto entries = io::read_archive(folder / "out.zip");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].name, "a/x.png");

  // An extension in capitals is the same extension.
  io::write_archive(folder / "capitals.tar", {{"X.JPG", io::encode_jpeg(torch::zeros({16, 16, 3}, torch::kUInt8))}});
  ASSERT_EQ(monge(folder.path(), "translate run capitals.tar jpeg.zip -q").code, 0);
  EXPECT_TRUE(io::read_archive(folder / "jpeg.zip").at(0).bytes.starts_with("\xff\xd8\xff"));
}

// A file that is no image comes last: the entries before it are lost with it, the archive that was there is not.
TEST_F(Cli, AFailedTranslationLeavesNoTornArchive) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto good = testing::slurp(folder / "images/0.png");
  io::write_archive(folder / "in.tar", {{"a.png", good}, {"b.png", good}, {"c.png", "no image"}});
  std::ofstream(folder / "out.tar") << "old";
  EXPECT_EQ(monge(folder.path(), "translate run in.tar out.tar --batch 1 -q").code, 2);
  EXPECT_EQ(testing::slurp(folder / "out.tar"), "old");
  EXPECT_FALSE(fs::exists(folder / "out.tar.part"));
}

// Outputs depend on the seed and the item's name: not on the batch, the item's company or what holds them.
TEST_F(Cli, AnOutputIsItsItemsAndItsSeeds) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  fs::create_directory(folder / "few");
  for (const char* name : {"2.png", "4.png"}) fs::copy_file(folder / "images" / name, folder / "few" / name);
  io::write_archive(folder / "in.tar", {{"9.png", testing::slurp(folder / "images/0.png")},
                                        {"4.png", testing::slurp(folder / "images/4.png")}});
  const auto translate = [&](const std::string& arguments) {
    const auto result = monge(folder.path(), "translate run " + arguments + " -q");
    EXPECT_EQ(result.code, 0) << arguments << "\n" << result.err;
  };
  translate("images base");
  const auto expected = testing::slurp(folder / "base/4.png");
  ASSERT_FALSE(expected.empty());
  translate("images by_one --batch 1");
  translate("few few_out");
  translate("images/4.png alone.png");
  translate("in.tar out.tar");
  translate("images other --seed 1");
  translate("few other_few --seed 1");
  EXPECT_EQ(testing::slurp(folder / "by_one/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "few_out/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "alone.png"), expected);
  EXPECT_EQ(io::read_archive(folder / "out.tar").at(0).bytes, expected);  // in the order of their names
  EXPECT_NE(testing::slurp(folder / "other/4.png"), expected);
  EXPECT_EQ(testing::slurp(folder / "other/4.png"), testing::slurp(folder / "other_few/4.png"));

  // One image under two names has two noises.
  fs::copy_file(folder / "few/4.png", folder / "few/5.png");
  translate("few twins");
  EXPECT_NE(testing::slurp(folder / "twins/5.png"), expected);
}

TEST_F(Cli, TranslateSaysWhatItConverted) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  std::ofstream(folder / "ink.jpg", std::ios::binary)
      << testing::cmyk_jpeg(torch::full({6, 6, 4}, 90, torch::kUInt8), true);
  const auto result = monge(folder.path(), "translate run ink.jpg out.png");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("ink.jpg: converted 1 CMYK image to 8-bit grey or RGB\n"));
}

TEST_F(Cli, TranslateAndEvalLeaveBrokenImagesOutOnRequest) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  std::ofstream(folder / "images/broken.png") << "no image";
  const auto refused = monge(folder.path(), "translate run images out");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("broken.png"), HasSubstr("--on-error skip of a command")));
  const auto result = monge(folder.path(), "translate run images out --on-error skip --json");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("broken.png"));
  EXPECT_EQ(json::parse(result.out)["items"], 6);
  EXPECT_EQ(json::parse(result.out)["left_out"], 1);
  EXPECT_EQ(monge(folder.path(), "eval run --source images --target images --samples 7 -q").code, 2);
  EXPECT_THAT(monge(folder.path(), "translate run images plain --on-error skip").err,
              HasSubstr("; left out 1 image that cannot be used"));
  const std::string line = "eval run --source images --target images --samples 7 --on-error skip";
  const auto evaluated = monge(folder.path(), line + " --json");
  ASSERT_EQ(evaluated.code, 0) << evaluated.err;
  EXPECT_THAT(evaluated.err, HasSubstr("broken.png"));
  EXPECT_EQ(json::parse(evaluated.out).at("left_out_source"), 1);
  EXPECT_EQ(json::parse(evaluated.out).at("left_out_target"), 1);
  EXPECT_THAT(monge(folder.path(), line + " -q").out,
              HasSubstr("left out       images that cannot be used: 1 of the source, 1 of the target"));
}

// Options that would do nothing are refused.
TEST_F(Cli, OptionsWithoutTheirPartnerAreRefused) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto mode = monge(folder.path(), "eval run --mode legacy");
  EXPECT_EQ(mode.code, 2);
  EXPECT_THAT(mode.err, AllOf(HasSubstr("--mode"), HasSubstr("add --features inception")));
  const auto rows = monge(folder.path(), "translate run images out --grid-rows 3");
  EXPECT_EQ(rows.code, 2);
  EXPECT_THAT(rows.err, HasSubstr("--grid"));
}

TEST_F(Cli, TranslatesUprightAndSaysWhatItCropped) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  torch::manual_seed(4);
  const auto upright = torch::randint(0, 256, {16, 16, 3}, torch::kUInt8),
             wide = torch::randint(0, 256, {20, 30, 3}, torch::kUInt8);
  fs::create_directories(folder / "in");
  fs::create_directories(folder / "plain");
  io::write_image(folder / "plain/a.png", upright);
  std::ofstream(folder / "in/a.png", std::ios::binary)
      << testing::png_with_exif(io::encode_png(torch::rot90(upright, 1, {0, 1}).contiguous()), testing::exif_block(6));
  for (const char* name : {"b.png", "c.png"}) io::write_image(folder / "in" / name, wide);
  const auto result = monge(folder.path(), "translate run in out --size train");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("in: turned 1 image upright by the EXIF orientation\n"),
                                HasSubstr("in: cropped 2 images to the middle square")));
  ASSERT_EQ(monge(folder.path(), "translate run plain plain-out -q").code, 0);
  EXPECT_EQ(testing::slurp(folder / "out/a.png"), testing::slurp(folder / "plain-out/a.png"));
  const auto record = json::parse(testing::slurp(folder / "run/data.json"));
  EXPECT_THAT(record["source"]["noticed"].dump(), HasSubstr("cropped 6 images to the middle square"));
}

TEST_F(Cli, WritesSixteenBitsWhereTheInputHasThem) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q --set target.range=0..4095").code, 0);
  fs::create_directories(folder / "in");
  io::write_image(folder / "in/deep.png", testing::deep_image(torch::arange(0, 65536, 256).view({16, 16, 1})));
  io::write_image(folder / "in/deep.tif", testing::deep_image(torch::arange(0, 65536, 256).view({16, 16, 1})));
  io::write_image(folder / "in/plain.png", torch::full({16, 16, 3}, 90, torch::kUInt8));
  ASSERT_EQ(monge(folder.path(), "translate run in out -q").code, 0);
  for (const char* name : {"deep.png", "deep.tif"}) {
    const auto image = io::decode_image(testing::slurp(folder / "out" / name), name, {.keep_sixteen_bits = true});
    EXPECT_EQ(image.scalar_type(), torch::kUInt16) << name;
    EXPECT_LE(image.to(torch::kInt).max().item<int>(), 4095) << "the target's values";
  }
  EXPECT_EQ(io::sample_bits(testing::slurp(folder / "out/plain.png")), 8);
  const auto chosen =
      monge(folder.path(), "translate run in skipping --on-error skip");  // looks the set through in 8 bits first
  ASSERT_EQ(chosen.code, 0) << chosen.err;
  EXPECT_THAT(chosen.err, Not(HasSubstr("16-bit")));
  EXPECT_EQ(testing::slurp(folder / "skipping/deep.png"), testing::slurp(folder / "out/deep.png"));
  ASSERT_EQ(monge(folder.path(), "translate run in eight -q --bits 8").code, 0);
  EXPECT_EQ(io::sample_bits(testing::slurp(folder / "eight/deep.png")), 8);
  ASSERT_EQ(monge(folder.path(), "translate run in/plain.png deep.tiff -q --bits 16").code, 0);
  EXPECT_EQ(io::sample_bits(testing::slurp(folder / "deep.tiff")), 16);
}

TEST_F(Cli, FoldersOfGreyImagesTrainAMapOfOneChannel) {
  fs::create_directories(folder / "grey");
  for (int i = 0; i < 6; ++i)
    io::write_image(folder / "grey" / (std::to_string(i) + ".png"), torch::full({16, 16, 1}, 40 * i, torch::kUInt8));
  const auto result = monge(folder.path(), "train p.toml --out run --set source.path=grey --set target.path=grey");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("6 items of shape [1, 16, 16]"));
  EXPECT_THAT(testing::slurp(folder / "run/recipe.toml"), HasSubstr("colour = \"grey\""));
  ASSERT_EQ(monge(folder.path(), "translate run grey out -q --grid g.png").code, 0);
  EXPECT_EQ(io::read_image(folder / "out/0.png").sizes(), torch::IntArrayRef({16, 16, 1}));
  ASSERT_EQ(monge(folder.path(), "resume run -q --set train.iterations=3").code, 0);
  const auto colour = monge(folder.path(), "translate run images colour");
  ASSERT_EQ(colour.code, 0) << colour.err;
  EXPECT_EQ(monge(folder.path(), "eval run -q --json").code, 0);
}

TEST_F(Cli, BareCheckpointsKeepTheSizeOfEachImage) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "export run --to torch --out ./map.pt -q").code, 0);
  fs::create_directories(folder / "in");
  io::write_image(folder / "in/wide.png", torch::full({60, 100, 3}, 90, torch::kUInt8));
  io::write_image(folder / "in/tall.jpg", torch::full({41, 17, 3}, 90, torch::kUInt8));
  const auto result = monge(folder.path(), "translate map.pt in out --grid grid.png");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("2 images, each translated at its own size"));
  EXPECT_EQ(io::read_image(folder / "out/wide.png").sizes(), torch::IntArrayRef({60, 100, 3}));
  EXPECT_EQ(io::read_image(folder / "out/tall.jpg").sizes(), torch::IntArrayRef({41, 17, 3}));
  const auto cropped = monge(folder.path(), "translate map.pt in small --size 16");
  ASSERT_EQ(cropped.code, 0) << cropped.err;
  EXPECT_THAT(cropped.err, HasSubstr("cropped 2 images to the middle square"));
  EXPECT_EQ(io::read_image(folder / "small/wide.png").sizes(), torch::IntArrayRef({16, 16, 3}));
}

// Linux names files by bytes; JSON is UTF-8.
TEST_F(Cli, NamesThatAreNotUtf8BreakNoJson) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  fs::copy_file(folder / "images/0.png", folder / "a\xff.png");
  const auto result = monge(folder.path(), "translate run 'a\xff.png' 'b\xff.png' --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["in"], "a\xef\xbf\xbd.png");
  EXPECT_TRUE(fs::exists(folder / "b\xff.png"));
  const auto trained = monge(folder.path(), "train v.toml --out 'run\xff' --json -q");
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_TRUE(json::parse(trained.out).contains("run"));
  EXPECT_TRUE(json::parse(testing::slurp(folder / "run\xff/summary.json")).contains("run"));
}

// The locale of the user, and whether the machine has one of UTF-8, change no name.
TEST_F(Cli, NamesOfArchivesAreTheSameInEveryLocale) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto good = testing::slurp(folder / "images/0.png");
  std::ofstream(folder / "in.zip", std::ios::binary)
      << testing::zip_of({{.name = "cr\xc3\xa8me/\xe5\x9b\xb3.png", .bytes = good, .flags = 0x800},
                          {.name = "_.png", .bytes = good, .unicode_path = "\xc3\xbc.png"},
                          {.name = "latin\xfc.png", .bytes = good}});
  fs::create_directory(folder / "no_locales");
  const auto none = (folder / "no_locales").string();
  std::string first;
  for (const auto& environment : std::vector<std::string>{"LC_ALL=C", "LC_ALL=POSIX", "LC_ALL=C.UTF-8",
                                                          "LC_ALL=C.UTF-8 LOCPATH='" + none + "'"}) {
    const auto run = [&](const std::string& arguments) {
      return testing::monge(folder.path(), arguments, environment);
    };
    const auto result = run("translate run in.zip out.zip");
    ASSERT_EQ(result.code, 0) << environment << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("left out"))) << environment;
    std::vector<std::string> names;
    for (const auto& entry : io::read_archive(folder / "out.zip")) names.push_back(entry.name);
    EXPECT_THAT(names, ::testing::ElementsAre("cr\xc3\xa8me/\xe5\x9b\xb3.png", "latin\xfc.png", "\xc3\xbc.png"))
        << environment;
    const auto bytes = testing::slurp(folder / "out.zip");
    EXPECT_EQ(bytes, first.empty() ? bytes : first) << environment;
    first = bytes;
    EXPECT_EQ(run("translate run in.zip out.tar -q").code, 0) << environment;
    names.clear();
    for (const auto& entry : io::read_archive(folder / "out.tar")) names.push_back(entry.name);
    EXPECT_EQ(names.size(), 3u) << environment;
    EXPECT_EQ(run("data check in.zip --json").code, 0) << environment;
  }
}

TEST_F(Cli, WhatAPathIsGoesBeforeWhatItIsCalled) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  for (const std::string name : {"my.csv", "set.tar", "a.npy"}) {
    fs::create_directory(folder / name);
    for (const char* image : {"0.png", "2.png"}) fs::copy_file(folder / "images" / image, folder / name / image);
    const auto out = "out_" + name.substr(0, name.find('.'));
    const auto result = monge(folder.path(), "translate run " + name + " " + out + " -q");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_TRUE(fs::exists(folder / out / "0.png")) << name;
    EXPECT_EQ(monge(folder.path(), "data check " + name).code, 0) << name;
  }
}

TEST_F(Cli, MembersOfSamplesAreChosenEverywhere) {
  const auto a = testing::slurp(folder / "images/0.png"), b = testing::slurp(folder / "images/2.png");
  for (const char* shard : {"p-0.tar", "p-1.tar"}) {
    io::write_archive(
        folder / shard,
        {{"0.input.png", a}, {"0.target.png", b}, {"0.json", "{}"}, {"1.input.png", b}, {"1.target.png", a}});
  }
  EXPECT_THAT(monge(folder.path(), "data check 'p-{0..1}.tar'").err,
              AllOf(HasSubstr("several images"), HasSubstr("input.png, target.png")));
  const auto check = monge(folder.path(), "data check 'p-{0..1}.tar?member=input.png' --json");
  ASSERT_EQ(check.code, 0) << check.err;
  EXPECT_EQ(nlohmann::json::parse(check.out)["images"], 4);
  EXPECT_EQ(monge(folder.path(), "data pack 'p-{0..1}.tar?member=target.png' packed --size 16x16 -q").code, 0);
  const auto train = monge(folder.path(),
                           "train p.toml --out run -q --set 'source.path=p-{0..1}.tar?member=input.png' --set "
                           "'target.path=p-0.tar?member=target.png'");
  ASSERT_EQ(train.code, 0) << train.err;
  const auto translate = monge(folder.path(), "translate run 'p-{0..1}.tar?member=input.png' out.tar -q");
  ASSERT_EQ(translate.code, 0) << translate.err;
  EXPECT_EQ(io::read_archive(folder / "out.tar").size(), 4u);
  EXPECT_EQ(monge(folder.path(), "translate run 'p-{0..1}.tar?member=input.png' p-1.tar -q").code, 2)
      << "an input must not be replaced";
}

TEST_F(Cli, TranslatesTables) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  io::write_npy(folder / "x.npy", torch::rand({7, 2}));
  ASSERT_EQ(monge(folder.path(), "translate run x.npy y.npy -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "y.npy").sizes(), torch::IntArrayRef({7, 2}));
  ASSERT_EQ(monge(folder.path(), "translate run x.npy z.npy --samples 3 -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "z.npy").sizes(), torch::IntArrayRef({7, 3, 2}));
  io::write_npy(folder / "many.npy", torch::rand({5000, 2}));  // more than go at once
  ASSERT_EQ(monge(folder.path(), "translate run many.npy m.npy -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "translate run many.npy by_few.npy --batch 7 -q").code, 0);
  EXPECT_EQ(io::read_npy(folder / "m.npy").sizes(), torch::IntArrayRef({5000, 2}));
  EXPECT_EQ(testing::slurp(folder / "m.npy"), testing::slurp(folder / "by_few.npy"));
  EXPECT_THAT(monge(folder.path(), "translate run x.npy w.npy --size 16").err, HasSubstr("takes vectors"));
  EXPECT_THAT(monge(folder.path(), "translate run x.npy w.npy --z-std 1").err, HasSubstr("recipe sets"));
  std::ofstream(folder / "x.csv") << "0.5,1\n-1,2\n";
  ASSERT_EQ(monge(folder.path(), "translate run x.csv y.csv -q").code, 0);
  const auto rows = testing::slurp(folder / "y.csv");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 2);
}

TEST_F(Cli, ReadsAnArrayOfAnNpz) {
  const auto x = torch::rand({40, 2});
  io::write_archive(folder / "pack.zip", {{"x.npy", io::npy_bytes(x)}, {"y.npy", io::npy_bytes(x * 2)}});
  fs::rename(folder / "pack.zip", folder / "pack.npz");
  const std::string set = " --set source.path=npz:pack.npz?key=x --set 'target.path=npz:pack.npz?key=y'";
  auto result = monge(folder.path(), "train v.toml --out run -q" + set);
  ASSERT_EQ(result.code, 0) << result.err;
  fs::create_directory(folder / "elsewhere");
  result = monge(folder / "elsewhere", "eval ../run --json -q");  // the recipe names it from anywhere
  EXPECT_EQ(result.code, 0) << result.err;
  result = monge(folder.path(), "translate run 'npz:pack.npz?key=x' y.npy -q");
  ASSERT_EQ(result.code, 0) << result.err;
  io::write_npy(folder / "x.npy", x);
  ASSERT_EQ(monge(folder.path(), "translate run x.npy z.npy -q").code, 0);
  EXPECT_EQ(testing::slurp(folder / "y.npy"), testing::slurp(folder / "z.npy"));
  result = monge(folder.path(), "translate run pack.npz w.npy");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("holds 2 arrays"), HasSubstr("\"x\", \"y\"")));
  EXPECT_THAT(monge(folder.path(), "translate run 'npz:pack.npz?key=x' pack.npz").err, HasSubstr("the input itself"));
  EXPECT_THAT(monge(folder.path(), "translate run 'npz:pack.npz?key=x' w.npz").err,
              HasSubstr("a .npy, .csv, .tsv, .csv.gz or .tsv.gz file"));
  EXPECT_FALSE(fs::exists(folder / "w.npy") || fs::exists(folder / "w.npy.part"));
}

// One column is a thousand times as wide as the other, on both sides, far from 0.
TEST_F(Cli, StandardisesTablesAndUndoesItAtUse) {
  const auto widths = torch::tensor({1.f, 1000.f});
  io::write_npy(folder / "a.npy", (torch::rand({300, 2}) + 7) * widths);
  io::write_npy(folder / "b.npy", (torch::rand({300, 2}) * 2 - 9) * widths);
  const std::string set =
      " --set method=strong --set source.path=a.npy --set target.path=b.npy --set data.standardise=each --set "
      "map.residual=true";
  auto result = monge(folder.path(), "train v.toml --out run" + set);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(
      result.err,
      HasSubstr("data.standardise = each: measured on all 285 rows of the source and all 285 rows of the target"));

  // Raw rows in, raw rows out: a map that has hardly learnt is near the identity of standard units.
  ASSERT_EQ(monge(folder.path(), "translate run a.npy y.npy -q").code, 0);
  const auto y = io::read_npy(folder / "y.npy"), b = io::read_npy(folder / "b.npy");
  EXPECT_LT(((y.mean(0) - b.mean(0)) / widths).abs().max().item<double>(), 1);

  // Figures in standard units: of the raw column of width 1000 an mse would be 5e7.
  result = monge(folder.path(), "eval run --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto metrics = json::parse(result.out);
  EXPECT_LT(metrics["mse"], 10);
  ASSERT_EQ(monge(folder.path(), "export run --out map.safetensors").code, 0);
  result = monge(folder.path(), "eval map.safetensors --json -q");
  EXPECT_EQ(json::parse(result.out)["mse"], metrics["mse"]);
  ASSERT_EQ(monge(folder.path(), "translate map.safetensors a.npy again.npy -q").code, 0);
  EXPECT_EQ(testing::slurp(folder / "again.npy"), testing::slurp(folder / "y.npy"));
  result = monge(folder.path(), "export run --to torch --out map.pt");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("cannot store means and scales"));
  EXPECT_FALSE(fs::exists(folder / "map.pt"));

  result = monge(folder.path(), "resume run --set train.iterations=16");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("data.standardise")));  // not measured anew
  EXPECT_THAT(monge(folder.path(), "resume run --set data.standardise=joint").err, HasSubstr("Start a new run"));

  result = monge(folder.path(), "train p.toml --out images_run --set data.standardise=joint");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("data.standardise: standardisation needs vectors"));
  EXPECT_THAT(monge(folder.path(), "train v.toml --set data.standardise=both").err,
              HasSubstr("off, joint, scale, each"));
}

TEST_F(Cli, ExportsToBothFormatsAndReadsThemBack) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "export run --to safetensors --out map.safetensors").code, 0);
  ASSERT_EQ(monge(folder.path(), "export run --to torch --out map.pt").code, 0);
  io::write_npy(folder / "x.npy", torch::rand({3, 3, 16, 16}) * 2 - 1);
  for (const char* model : {"run", "map.safetensors", "map.pt"}) {
    const auto result = monge(folder.path(), std::string("translate ") + model + " x.npy " + model + ".npy -q");
    ASSERT_EQ(result.code, 0) << model << result.err;
  }
  const auto expected = io::read_npy(folder / "run.npy");
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "map.safetensors.npy"), expected));
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "map.pt.npy"), expected));  // z_std of the recipe is the public 0.1
  // Inputs that carry their noise have one output each, whatever is asked for.
  io::write_npy(folder / "noisy.npy", torch::rand({3, 4, 16, 16}) * 2 - 1);
  const auto noisy = monge(folder.path(), "translate map.pt noisy.npy from_noisy.npy --samples 4 --json -q");
  ASSERT_EQ(noisy.code, 0) << noisy.err;
  EXPECT_EQ(json::parse(noisy.out).at("samples"), 1);
  EXPECT_EQ(io::read_npy(folder / "from_noisy.npy").sizes(), torch::IntArrayRef({3, 3, 16, 16}));
}

TEST_F(Cli, BareCheckpointsAreToldWhatTheirFilesDoNotSay) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q --set weak.z_std=1").code, 0);
  std::ofstream(folder / "manifest.json") << "{\"name\": \"a web app\"}";  // no checkpoint's
  const auto exported = monge(folder.path(), "export run --to torch --out ./map.pt");
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_THAT(exported.err, AllOf(HasSubstr("weak.z_std = 1"), HasSubstr("weak.z = 2"), HasSubstr("--z-std 1")));
  for (const auto& [model, out, flags] : {std::tuple{"run", "own", "--size train"},
                                          {"map.pt", "given", "--size 16 --z-std 1"},
                                          {"map.pt", "not_given", "--size 16"}}) {
    const auto result = monge(folder.path(), std::string("translate ") + model + " images " + out + " -q " + flags);
    ASSERT_EQ(result.code, 0) << result.err;
  }
  EXPECT_EQ(testing::slurp(folder / "given/0.png"), testing::slurp(folder / "own/0.png"));
  EXPECT_NE(testing::slurp(folder / "not_given/0.png"), testing::slurp(folder / "own/0.png"));

  const std::string eval = "eval map.pt --source images --target images --json -q --samples 4 ";
  const auto at16 = json::parse(monge(folder.path(), eval + "--size 16 --z-std 1").out),
             at64 = json::parse(monge(folder.path(), eval).out);
  const auto own =
      json::parse(monge(folder.path(), "eval run --source images --target images --json -q --samples 4").out);
  EXPECT_EQ(at16["mse"], own["mse"]);
  EXPECT_NE(at16["mse"], at64["mse"]);
}

TEST_F(Cli, EvaluatesOnNamedSetsWhenTheTrainingDataAreGone) {
  io::write_npy(folder / "a.npy", torch::rand({300, 2}));
  io::write_npy(folder / "b.npy", torch::rand({300, 2}));
  fs::create_directory(folder / "moved");
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q --set source.path=a.npy --set target.path=b.npy").code, 0);
  const std::string eval = "eval run --json -q --samples 200 ";
  const auto with_target = monge(folder.path(), eval + "--source a.npy --target a.npy");
  EXPECT_EQ(with_target.err, "");

  fs::rename(folder / "a.npy", folder / "moved/a.npy");  // neither flag needs it
  auto result = monge(folder.path(), eval + "--source moved/a.npy");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("the reference of the floor")));

  fs::rename(folder / "b.npy", folder / "moved/b.npy");
  result = monge(folder.path(), eval + "--source moved/a.npy --target moved/b.npy");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("b.npy: no such file"), HasSubstr("comparing the two halves of moved/b.npy instead")));
  EXPECT_GT(json::parse(result.out)["target_floor"], 0);
  EXPECT_EQ(monge(folder.path(), eval + "--target moved/b.npy").code, 2);  // the inputs are gone
  EXPECT_EQ(monge(folder.path(), eval).code, 2);
}

TEST_F(Cli, WarnsOfFiguresThatRestOnAFewSamples) {
  const std::string few = "the metrics use 20 inputs and 20 target samples;";
  const auto trained = monge(folder.path(), "train v.toml --out run -q --set eval.samples=20");
  ASSERT_EQ(trained.code, 0);
  EXPECT_THAT(trained.err, HasSubstr(few));
  EXPECT_EQ(trained.err.find(few), trained.err.rfind(few));  // with the first evaluation alone
  EXPECT_THAT(monge(folder.path(), "eval run --samples 20").err, HasSubstr(few));
  EXPECT_THAT(monge(folder.path(), "eval run --samples 50").err, Not(HasSubstr("the metrics use")));
}

TEST_F(Cli, NothingTakesThePlaceOfWhatIsThere) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  const auto before = testing::slurp(folder / "images/0.png");
  const std::pair<const char*, const char*> cases[] = {
      {"translate run images images/out", "lies in the input"},
      {"translate run images out --grid images/0.png", "choose another file"},
      {"translate run images/0.png images/0.png", "the input itself"},
      {"export run --out run/best/state.safetensors", "is a checkpoint"},
      {"export run --to torch --out run/recipe.toml", ".pt or .pth"},
      {"resume run --set train.batch=8", "Start a new run"},
  };
  for (const auto& [arguments, phrase] : cases) {
    const auto result = monge(folder.path(), arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
  }
  EXPECT_EQ(testing::slurp(folder / "images/0.png"), before);
  EXPECT_EQ(monge(folder.path(), "eval run -q").code, 0);
}

// A folder of links is a way to choose among images; the images must outlive it.
TEST_F(Cli, ATranslationReplacesNoInputAndCountsWhatItReplaces) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  fs::create_directories(folder / "farm");
  for (const char* name : {"0.png", "2.png"})
    fs::create_symlink("../images/" + std::string(name), folder / "farm" / name);
  const auto before = testing::slurp(folder / "images/0.png");
  const auto refused = monge(folder.path(), "translate run farm images");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("images/0.png: an output would overwrite this file"), HasSubstr("farm/0.png")));
  EXPECT_EQ(testing::slurp(folder / "images/0.png"), before);

  const auto first = monge(folder.path(), "translate run farm out");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, AllOf(HasSubstr("2 items, 1 output each, written to out\n"), Not(HasSubstr("replaced"))));
  const auto again = monge(folder.path(), "translate run farm out");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("written to out; replaced 2 existing files\n"));
  EXPECT_EQ(json::parse(monge(folder.path(), "translate run farm out --json -q").out)["replaced"], 2);
  ASSERT_EQ(monge(folder.path(), "translate run farm/0.png one.png -q").code, 0);
  EXPECT_THAT(monge(folder.path(), "translate run farm/0.png one.png").err,
              HasSubstr("written to one.png; replaced 1 existing file\n"));

  ASSERT_EQ(monge(folder.path(), "export run --out map.safetensors").code, 0);
  const auto exported = monge(folder.path(), "export run --out map.safetensors");
  ASSERT_EQ(exported.code, 0) << exported.err;
  EXPECT_THAT(exported.err, HasSubstr("map.safetensors: replaced the existing file"));
  const auto itself = monge(folder.path(), "export map.safetensors --out ./map.safetensors");
  EXPECT_EQ(itself.code, 2);
  EXPECT_THAT(itself.err, HasSubstr("is the model itself"));
}

TEST_F(Cli, LostResultsAreAFailure) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  EXPECT_EQ(std::system("'" MONGE_PROGRAM "' options >/dev/full 2>/dev/null") >> 8, 1);
}

}  // namespace
}  // namespace monge
