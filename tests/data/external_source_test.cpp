// A kind of data that the library does not know, added from outside of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/data/open.h"
#include "monge/data/spec.h"
#include "monge/data/tensor_source.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using ::testing::StartsWith;

/// "grid:N": the points (i, 0) for i below N.
SourceKind grid_kind() {
  return {.name = "grid",
          .prefix = "grid",
          .help = "grid:N",
          .accepted = "grid:N",
          .open = [](const SourceOptions& options, const LogSink&, const ProgressCallback&) {
            Spec spec(options.path);
            spec.refuse_unknown();
            const auto i = torch::arange(std::stoll(spec.name()), torch::kFloat32);
            return std::make_shared<TensorSource>(options.path, torch::stack({i, torch::zeros_like(i)}, 1));
          }};
}

/// "FILE.points": a file with a number a line.
SourceKind points_kind() {
  return {.name = "file of points",
          .help = "FILE.points",
          .accepted = ".points",
          .matches = [](const std::string& path) { return path.ends_with(".points"); },
          .open =
              [](const SourceOptions& options, const LogSink&, const ProgressCallback&) {
                std::ifstream in(options.path);
                std::vector<float> values;
                for (float value; in >> value;) values.push_back(value);
                return std::make_shared<TensorSource>(options.path, torch::tensor(values).unsqueeze(1));
              }};
}

/// The registry is the process's own, so that each kind is added once.
class ExternalSource : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_kinds().add(grid_kind());
    source_kinds().add(points_kind());
  }
};

TEST_F(ExternalSource, IsOpenedByItsPrefix) {
  std::vector<std::string> lines;
  const auto source =
      open_source({.path = "grid:3"}, [&](LogLevel, const std::string& line) { lines.push_back(line); });
  EXPECT_TRUE(torch::equal(source->items({0, 2}), torch::tensor({{0.f, 0.f}, {2.f, 0.f}})));
  EXPECT_THAT(lines, ElementsAre("grid:3: 3 rows x 2 columns"));
  EXPECT_THAT(message_of([] { open_source({.path = "grid:3?size=4"}); }), HasSubstr("size"));
}

TEST_F(ExternalSource, IsOpenedByItsPath) {
  const ScratchFolder folder;
  const auto path = (folder / "a.points").string();
  std::ofstream(path) << "1\n2\n5\n";
  EXPECT_TRUE(torch::equal(open_source({.path = path})->items({2, 0}), torch::tensor({{5.f}, {1.f}})));
}

TEST_F(ExternalSource, DoesNotTakeAPathFromTheOthers) {
  const ScratchFolder folder;
  const auto path = folder / "a.points";
  std::filesystem::create_directory(path);
  EXPECT_THAT(message_of([&] { open_source({.path = path.string()}); }), HasSubstr("no images found"));
}

TEST_F(ExternalSource, StandsInHelpAndMessages) {
  EXPECT_THAT(source_help(),
              StartsWith("folder, archive, shards (NAME-{000..146}.tar), FILE.parquet?column=NAME, packed set, image, "
                         ".npy, .npz, .csv, FILE.csv?columns=a,b&index=NAME, FILE.h5ad?obsm=X_pca&where=COLUMN=VALUE, "
                         "npz:FILE?key=NAME, toy:NAME?dim=2, "
                         "font:FILE.ttf?mode=grey&part=1/2, w2bench:FILE?side=source, grid:N or FILE.points"));
  const ScratchFolder folder;
  std::ofstream(folder / "film.mp4") << "x";
  EXPECT_THAT(
      message_of([&] { open_source({.path = (folder / "film.mp4").string()}); }),
      HasSubstr(
          "a folder of images; .zip .tar .tar.gz .tgz .7z .parquet of images; .png .jpg .jpeg .jfif .jpe "
          ".webp .tif .tiff .svg; .npy; .npz or npz:FILE?key=NAME; .csv .tsv .txt; .h5ad; toy:NAME; font:FILE.ttf; "
          "w2bench:FILE.safetensors; grid:N; .points"));
  EXPECT_THAT(message_of([] { open_source({.path = ""}); }),
              HasSubstr("no data are named; give a folder, an archive, a .npy, .npz, .csv or .h5ad file, toy:NAME, "
                        "font:FILE.ttf, w2bench:FILE.safetensors or grid:N"));
}

TEST_F(ExternalSource, NeedsANameOfItsOwnAndAWayToBeKnown) {
  const auto message = [](const SourceKind& kind) { return message_of([&] { source_kinds().add(kind); }); };
  auto kind = grid_kind();
  EXPECT_EQ(message(kind), "a kind of data named \"grid\" exists already");
  kind.name = "other grid";
  EXPECT_EQ(message(kind), "the prefix \"grid:\" is already used by grid");
  kind.prefix = "";
  EXPECT_THAT(message(kind), HasSubstr("\"other grid\" needs either a prefix or a function that knows its paths"));
  kind.open = nullptr;
  EXPECT_THAT(message(kind), HasSubstr("needs a name and a function that opens it"));
}

}  // namespace
}  // namespace monge::data
