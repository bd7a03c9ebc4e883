#include "monge/run/step_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/files.h"
#include "monge/data/tensor_source.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

TEST(StepWriter, NamesAreInTheOrderOfTheSteps) {
  EXPECT_EQ(step_name(0, 8), "step_1");
  EXPECT_EQ(step_name(8, 9), "step_9");
  EXPECT_EQ(step_name(8, 10), "step_09");
  EXPECT_EQ(step_name(99, 100), "step_100");
}

TEST(StepWriter, TheMotionTakesTwoSecondsAndTheEndsRest) {
  EXPECT_EQ(frame_milliseconds(0, 41), 1000);
  EXPECT_EQ(frame_milliseconds(1, 41), 50);
  EXPECT_EQ(frame_milliseconds(40, 41), 1000);
  EXPECT_EQ(frame_milliseconds(1, 3), 500) << "no frame of the motion is shown longer";
  EXPECT_EQ(frame_milliseconds(1, 1000), 2);
}

TEST(StepWriter, TheLayoutFollowsFromTheOutputPath) {
  const ScratchFolder folder;
  fs::create_directory(folder / "v1.npy");
  const auto layout = [&](DataKind kind, const std::string& in, const std::string& out, int64_t steps = 8) {
    return step_place(kind, folder / in, folder / out, steps).layout;
  };
  EXPECT_EQ(layout(DataKind::image, "a.png", "b.jpg", 1), StepLayout::single);
  EXPECT_EQ(layout(DataKind::table, "a.csv", "b.csv", 1), StepLayout::single);
  EXPECT_EQ(layout(DataKind::image, "a.png", "film.WebP"), StepLayout::animation);
  EXPECT_EQ(layout(DataKind::image, "a.png", "film"), StepLayout::images);
  EXPECT_EQ(layout(DataKind::image, "a.png", "v1.5"), StepLayout::images) << "a folder's name may have a point";
  EXPECT_EQ(layout(DataKind::table, "a.csv", "film.npy"), StepLayout::array);
  EXPECT_EQ(layout(DataKind::table, "a.csv", "film"), StepLayout::tables);
  EXPECT_EQ(layout(DataKind::table, "a.csv", "v1.npy"), StepLayout::tables) << "an existing folder";
  EXPECT_EQ(layout(DataKind::folder, "in", "film"), StepLayout::folders);
  EXPECT_EQ(layout(DataKind::archive, "in.tar", "film.zip"), StepLayout::folders);
  for (const auto& [in, extension] : {std::pair{"a.csv", ".csv"},
                                      {"a.TSV", ".tsv"},
                                      {"a.csv.gz", ".csv.gz"},
                                      {"a.npy", ".npy"},
                                      {"a.npz", ".npy"},
                                      {"a.txt", ".csv"},
                                      {"a.parquet", ".csv"}})
    EXPECT_EQ(step_place(DataKind::table, folder / in, folder / "film", 8).table_extension, extension) << in;
}

TEST(StepWriter, OtherOutputsAreRefusedByName) {
  const ScratchFolder folder;
  std::ofstream(folder / "in.npy") << "x";
  const auto complaint = [&](DataKind kind, const std::string& out) {
    return message_of([&] { step_place(kind, folder / "in.npy", folder / out, 8); });
  };
  for (const char* out : {"film.png", "film.gif", "film.mp4", "film.tar", "film.csv"}) {
    EXPECT_THAT(complaint(DataKind::image, out), AllOf(HasSubstr("only as an animated WebP"), HasSubstr(out),
                                                       HasSubstr("a .webp file, or a folder for one image per step")));
  }
  for (const char* out : {"film.csv", "film.tsv.gz", "film.npz", "film.webp"}) {
    EXPECT_THAT(complaint(DataKind::table, out),
                AllOf(HasSubstr("only as an array"), HasSubstr("a .npy file, or a folder for one .npy per step")));
  }
  EXPECT_THAT(complaint(DataKind::folder, "film.webp"), HasSubstr("(allowed: a folder)"));
  EXPECT_THAT(complaint(DataKind::archive, "film"), HasSubstr("a .tar, .tar.gz, .tgz or .zip file"));
  EXPECT_THAT(complaint(DataKind::table, "in.npy"), HasSubstr("is the input itself"));
}

torch::Tensor image(double value) { return torch::full({3, 8, 8}, value); }

TEST(StepWriter, AFolderAndAnArchiveHaveAFolderForEachStep) {
  const ScratchFolder folder;
  for (const auto& [kind, out] : {std::pair{DataKind::folder, "out"}, {DataKind::archive, "out.tar"}}) {
    StepWriter writer(step_place(kind, folder / "in", folder / out, 2), 2);
    for (const char* name : {"a.png", "b/c.jpg"}) {
      for (int64_t sample = 0; sample < 2; ++sample) {
        for (int64_t step = 0; step < 2; ++step)
          writer.add_image(name, sample, 2, step, image(static_cast<double>(step)));
      }
    }
    writer.finish();
  }
  for (const char* name :
       {"step_1/a_1.png", "step_1/a_2.png", "step_2/a_1.png", "step_1/b/c_1.jpg", "step_2/b/c_2.jpg"})
    EXPECT_TRUE(fs::exists(folder / "out" / name)) << name;
  EXPECT_EQ(io::read_archive(folder / "out.tar").size(), 8u);
  EXPECT_EQ(io::read_image(folder / "out/step_2/a_1.png").max().item<int>(), 255);
  EXPECT_EQ(io::read_image(folder / "out/step_1/a_1.png").max().item<int>(), 128);
}

TEST(StepWriter, TheStepsOfOneImageAreNumbered) {
  const ScratchFolder folder;
  StepWriter writer(step_place(DataKind::image, folder / "smile.jpg", folder / "out", 10), 1);
  for (int64_t step = 0; step < 10; ++step) writer.add_image("smile.jpg", 0, 1, step, image(0));
  writer.finish();
  EXPECT_TRUE(fs::exists(folder / "out/step_01.jpg"));
  EXPECT_TRUE(fs::exists(folder / "out/step_10.jpg"));
  StepWriter drawing(step_place(DataKind::image, folder / "smile.svg", folder / "out", 2), 1);
  for (int64_t step = 0; step < 2; ++step) drawing.add_image("smile.svg", 1, 2, step, image(0));
  EXPECT_TRUE(fs::exists(folder / "out/step_2_2.png")) << "a drawing becomes pixels";
}

TEST(StepWriter, AnAnimationAppearsWithItsLastStep) {
  const ScratchFolder folder;
  StepWriter writer(step_place(DataKind::image, folder / "a.png", folder / "films/film.webp", 2), 1);
  for (int64_t sample = 0; sample < 2; ++sample) {
    const auto file = folder / ("films/film_" + std::to_string(sample + 1) + ".webp");
    writer.add_image("a.png", sample, 2, 0, image(-1));
    EXPECT_FALSE(fs::exists(file));
    writer.add_image("a.png", sample, 2, 1, image(1));
    EXPECT_TRUE(fs::exists(file));
  }
}

TEST(StepWriter, TablesGoToOneEachOrToAnAxis) {
  const ScratchFolder folder;
  // Items of two samples in three steps; the value is 100 item + 10 step + sample.
  const auto row = [](int64_t item) {
    std::vector<torch::Tensor> steps;
    for (int64_t step = 0; step < 3; ++step) {
      const auto samples = torch::tensor({0.f, 1.f}).unsqueeze(1).expand({2, 2});
      steps.push_back(samples + static_cast<double>(100 * item + 10 * step));
    }
    return steps;
  };
  const TableFormat named{
      .type = torch::kFloat32, .names = {.columns = {"u", "v"}, .rows = {}, .index = ""}, .steps = {}};
  StepWriter array(step_place(DataKind::table, folder / "in.npy", folder / "film.npy", 3), 4),
      tables(step_place(DataKind::table, folder / "in.csv", folder / "film", 3), 4, {named, named, named});
  for (int64_t item = 0; item < 4; ++item) {
    array.add_row(row(item));
    tables.add_row(row(item));
  }
  EXPECT_FALSE(fs::exists(folder / "film/step_1.csv")) << "only with finish()";
  array.finish();
  tables.finish();
  const auto film = io::read_npy(folder / "film.npy");
  ASSERT_EQ(film.sizes(), torch::IntArrayRef({4, 2, 3, 2}));
  EXPECT_EQ((film[3][1][2][0].item<float>()), 321);
  EXPECT_TRUE(real_files().read(folder / "film/step_3.csv").starts_with("u,v\n20,20\n21,21\n120,120\n"));
  EXPECT_THAT(message_of([&] { array.add_row({torch::zeros({2, 2})}); }), HasSubstr("1 steps where 3 were announced"));
}

TEST(StepWriter, CountsWhatItReplacesAndKeepsInputs) {
  const ScratchFolder folder;
  const auto put = [&](const std::string& name) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << name;
  };
  for (const char* name : {"in/000000.png", "out/step_1/000000.png", "out/step_2/000001.png", "film/step_2.png",
                           "film/step_3.png", "tables/step_1.csv", "film_2.webp"})
    put(name);
  const data::TensorSource two("items", torch::rand({2, 3, 8, 8})), one("items", torch::rand({1, 3, 8, 8}));
  const auto count = [&](DataKind kind, const std::string& in, const std::string& out, const data::Source& source,
                         int64_t samples = 1) {
    return check_replaced_steps(step_place(kind, folder / in, folder / out, 2), {folder / in}, source, samples);
  };
  EXPECT_EQ(count(DataKind::folder, "in", "none", two), 0);
  EXPECT_EQ(count(DataKind::folder, "in", "out", two), 2);
  EXPECT_EQ(count(DataKind::image, "in/a.png", "film", one), 1);
  EXPECT_EQ(count(DataKind::table, "in.csv", "tables", one), 1);
  EXPECT_EQ(count(DataKind::image, "in/a.png", "film.webp", one, 2), 1);
  put("film/step_1.png");
  EXPECT_THAT(
      message_of([&] { count(DataKind::image, "film/step_1.png", "film", one); }),
      AllOf(HasSubstr("film/step_1.png: an output would overwrite this file"), HasSubstr("nothing was written")));
}

}  // namespace
}  // namespace monge::run
