// monge data check and pack, and training on what they leave.
#include <csignal>

#include "tests/cli/fixture.h"
#include "tests/io/odd_images.h"

namespace monge {
namespace {

/// Name and content of every file under a folder.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) out[entry.path().lexically_relative(folder).string()] = testing::slurp(entry.path());
  }
  return out;
}

/// Images that differ.
void fill(const fs::path& folder, int count, int64_t side) {
  fs::create_directories(folder);
  torch::manual_seed(3);
  for (int i = 0; i < count; ++i) {
    io::write_image(folder / (std::to_string(1000 + i) + ".jpg"),
                    torch::randint(0, 256, {side, side, 3}, torch::kUInt8));
  }
}

TEST_F(Cli, DataCheckPrintsATableAndJsonAndJudges) {
  auto result = monge(folder.path(), "data check images");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("images       6"), HasSubstr("widths       24"), HasSubstr("near-empty   6"),
                                HasSubstr("fit to train on")));
  EXPECT_EQ(monge(folder.path(), "data check images --strict").code, 2);
  std::ofstream(folder / "images/bad.png") << "<html>";
  result = monge(folder.path(), "data check images --json -q");
  EXPECT_EQ(result.code, 2);
  const auto line = json::parse(result.out);
  EXPECT_EQ(line["images"], 7);
  EXPECT_EQ(line["corrupt"], 1);
  EXPECT_EQ(line["duplicates"], 0);
  EXPECT_EQ(line["widths"]["24"], 6);
  EXPECT_EQ(line["heights"]["20"], 6);
  EXPECT_EQ(line["channels"]["3"], 6);
  EXPECT_EQ(line["leaked"], nullptr);
  result = monge(folder.path(), "data check images --against images");
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.out, HasSubstr("leaked       6"));
  EXPECT_EQ(monge(folder.path(), "data check nothing").code, 2);
}

// What a training refuses is no corrupt image.
TEST_F(Cli, DataCheckTakesTheKindsThatATrainingTakes) {
  std::ofstream(folder / "a.dat") << "x,y\n1,2\n";
  const auto check = monge(folder.path(), "data check a.dat"),
             train = monge(folder.path(), "train p.toml --out run -q --set source.path=a.dat");
  EXPECT_EQ(check.code, 2);
  EXPECT_EQ(check.out, "");
  EXPECT_THAT(check.err, AllOf(HasSubstr("data of this kind cannot be opened, got \".dat\""), HasSubstr(".csv")));
  EXPECT_THAT(train.err, HasSubstr("data of this kind cannot be opened, got \".dat\""));
  EXPECT_THAT(monge(folder.path(), "data check images --against a.dat").err,
              HasSubstr("data of this kind cannot be opened"));
}

TEST_F(Cli, DataCheckWarnsOfWhatMayBeReadOtherwise) {
  std::ofstream(folder / "a.csv") << "flag,x,y\nyes,1,NA\nno,2,NA\nyes,4,NA\n";
  auto result = monge(folder.path(), "data check a.csv");
  EXPECT_THAT(result.out, AllOf(HasSubstr("warning        column 0 (\"flag\") is text"), Not(HasSubstr("inf"))));
  EXPECT_THAT(result.out, HasSubstr("              -            -               -               -         3\n"))
      << "a column without values";
  std::ofstream(folder / "b.csv") << "0,1\n0.1,0.98\n0.2,0.97\n";
  result = monge(folder.path(), "data check b.csv --json -q");
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(json::parse(result.out)["warnings"][0].get<std::string>(), HasSubstr("?header=no"));
  EXPECT_EQ(monge(folder.path(), "data check b.csv --strict").code, 2);
  EXPECT_EQ(monge(folder.path(), "data check 'b.csv?header=yes' --strict").code, 0);
  result = monge(folder.path(), "train v.toml --out run --set source.path=b.csv --set target.path=b.csv");
  EXPECT_THAT(result.err, HasSubstr("b.csv: line 1 holds numbers and was read as the column names"));
}

TEST_F(Cli, DataCheckLooksAtTables) {
  std::ofstream(folder / "a.csv")
      << ",time,y\n0,1700000000.5,1\n1,1700000001.25,2\n2,1700000002.5,2\n3,1700000002.5,2\n";
  std::ofstream(folder / "b.csv") << ",time,y\n0,1700000000.5,1\n";
  auto result = monge(folder.path(), "data check a.csv");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("4 rows x 2 columns"), HasSubstr("index: the unnamed first column"),
                    HasSubstr("fit to train on"), HasSubstr("\"time\"  differs by"), HasSubstr("row 3  =  row 2")));
  EXPECT_EQ(monge(folder.path(), "data check a.csv --strict").code, 2);
  result = monge(folder.path(), "data check a.csv --against b.csv --json -q");
  EXPECT_EQ(result.code, 2) << "a row is in both";
  const auto line = json::parse(result.out);
  EXPECT_EQ(line["rows"], 4);
  EXPECT_EQ(line["columns"], 2);
  EXPECT_EQ(line["leaked"], 1);
  EXPECT_EQ(line["duplicates"], 1);
  EXPECT_EQ(line["beyond_float32"], json::parse(R"(["time"])"));
  EXPECT_EQ(line["column_list"][1]["mean"], 1.75);
  EXPECT_EQ(line["passed"], false);
  std::ofstream(folder / "c.csv") << "x,y\n1,NA\n2,3\n";
  EXPECT_EQ(monge(folder.path(), "data check c.csv").code, 2);
  EXPECT_EQ(monge(folder.path(), "data check 'c.csv?columns=x'").code, 0);
  EXPECT_EQ(monge(folder.path(), "data check 'npz:none.npz?key=x'").code, 2);
}

TEST_F(Cli, DataCheckAndPackTellOfTurnedCutAndDarkImages) {
  fs::create_directories(folder / "set");
  torch::manual_seed(2);
  const auto png = io::encode_png(torch::randint(0, 256, {16, 16, 3}, torch::kUInt8));
  io::write_image(folder / "set/a.png", testing::deep_image(torch::randint(0, 4096, {16, 16, 1})));
  std::ofstream(folder / "set/turned.png", std::ios::binary) << testing::png_with_exif(png, testing::exif_block(8));
  std::ofstream(folder / "set/unfinished.png", std::ios::binary) << png.substr(0, png.size() - 12);
  auto result = monge(folder.path(), "data check set");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("EXIF-turned  1\n  \"turned.png\"  has the EXIF orientation 8"),
                                HasSubstr("without IEND 1\n  \"unfinished.png\""),
                                HasSubstr("16-bit       1, using the values"), HasSubstr("fit to train on")));
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("the 16-bit image uses the values"), HasSubstr("0..4095"), HasSubstr("source.range")));
  const auto line = json::parse(monge(folder.path(), "data check set --json -q").out);
  EXPECT_EQ(line["oriented"], 1);
  EXPECT_EQ(line["without_end_files"][0], "unfinished.png");
  EXPECT_LE(line["sixteen_bit"]["largest"], 4095);
  result = monge(folder.path(), "data pack set packed --size 16");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("packed: turned 1 image upright"), HasSubstr("set --range to auto or to 0..4095")));
  result = monge(folder.path(), "data pack set scaled --size 16 --range auto --exif ignore");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("scales them from 0..4095"), HasSubstr("kept 1 image as stored"),
                                Not(HasSubstr("contrast"))));
}

TEST_F(Cli, DataPackIsTrainedOnLikeTheImagesThemselves) {
  fill(folder / "photos", 30, 24);
  auto result =
      monge(folder.path(), "data pack photos packed --size 16 --split train=0.8,test=0.2 --split-by order --json -q");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto line = json::parse(result.out.substr(0, result.out.find('\n')));
  EXPECT_EQ(line["images"], 24);
  EXPECT_EQ(line["found"], 30);
  EXPECT_EQ(line["state"], "packed");
  result = monge(folder.path(), "data pack photos packed --size 16 --split train=0.8,test=0.2 --split-by order");
  EXPECT_THAT(result.err, HasSubstr("packed/train: already packed, 24 images"));
  EXPECT_EQ(monge(folder.path(), "data check packed/train --against packed/test -q").code, 0);

  fs::create_directories(folder / "same");
  for (int i = 0; i < 24; ++i) fs::copy(folder / "photos" / (std::to_string(1000 + i) + ".jpg"), folder / "same");
  const std::string set = " -q --json --set source.path=";
  const auto packed = monge(
      folder.path(), "train p.toml --out a" + set + "packed/train --set target.path=packed/train --set data.workers=2");
  const auto plain = monge(folder.path(), "train p.toml --out b" + set + "same --set target.path=same");
  ASSERT_EQ(packed.code, 0) << packed.err;
  ASSERT_EQ(plain.code, 0) << plain.err;
  EXPECT_EQ(testing::slurp(folder / "a/checkpoints/step_000002/state.safetensors"),
            testing::slurp(folder / "b/checkpoints/step_000002/state.safetensors"));
  const auto record = json::parse(testing::slurp(folder / "a/data.json"));
  EXPECT_EQ(record["source"]["items"].get<int>() + record["source"]["held_out"].get<int>(), 24);
  EXPECT_GE(json::parse(packed.out)["data_wait"].get<double>(), 0);
}

TEST_F(Cli, DataPackSaysWhatIsWrong) {
  const auto fails = [&](const std::string& arguments, const std::string& phrase) {
    const auto result = monge(folder.path(), "data pack " + arguments);
    EXPECT_EQ(result.code, 2) << arguments << result.err;
    EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
    EXPECT_FALSE(fs::exists(folder / "out")) << arguments;
  };
  fails("nothing out", "no such file or folder");
  fails("images out --size 64x", "not a size");
  fails("images out --size 0", "must be 1 to 4096");
  fails("images out --crop middle", "not a crop");
  fails("images out --crop 99x99", "reaches outside the image");
  fails("images out --filter cubic", "bicubic");
  fails("images out --split a", "not a split");
  fails("images out --select none.txt:a=1", "no such file");
  fails("v.toml out", "v.toml");
}

TEST_F(Cli, TrainingListsTheImagesThatItLeavesOut) {
  std::ofstream(folder / "images/bad.png") << "<html>";
  std::ofstream(folder / "images/empty.jpg");
  EXPECT_THAT(monge(folder.path(), "train p.toml --out a").err,
              AllOf(HasSubstr("2 of 8 images"), HasSubstr("bad.png"), HasSubstr("empty.jpg")));
  const auto result =
      monge(folder.path(), "train p.toml --out b --json --set source.on_error=skip --set target.on_error=skip");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["left_out"], 4);
  const auto record = json::parse(testing::slurp(folder / "b/data.json"));
  EXPECT_EQ(record["source"]["left_out_files"].size(), 2u);
}

// Twenty kills at moments that fall where they fall; the last call makes the bytes of an undisturbed one.
TEST_F(Cli, DataPackSurvivesTwentyKills) {
  fill(folder / "photos", 400, 40);
  const std::string pack = "data pack photos ";
  // Shards of a few images, so that there is always one to be in the middle of.
  const std::string options = " --size 96x96 --shard-mb 1 -q";
  ASSERT_EQ(monge(folder.path(), pack + "a" + options).code, 0);
  int killed = 0;
  for (int kill_number = 0; kill_number < 20; ++kill_number) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto line = "cd '" + folder.path().string() + "' && exec '" MONGE_PROGRAM "' " + pack + "b" + options;
      execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      _exit(127);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(40 + 13 * kill_number));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
    if (fs::exists(folder / "b")) fs::remove_all(folder / "b");  // it was quicker; begin anew
  }
  EXPECT_GT(killed, 0);
  ASSERT_EQ(monge(folder.path(), pack + "b" + options).code, 0);
  EXPECT_EQ(files_of(folder / "a"), files_of(folder / "b"));
}

}  // namespace
}  // namespace monge
