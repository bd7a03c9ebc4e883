#include "monge/data/array_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/data/arrays.h"
#include "monge/io/csv.h"
#include "monge/io/npy.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using Missing = io::TextTableOptions::Missing;

TEST(ArrayPath, KnowsExtensions) {
  for (const char* path : {"a.npy", "a.NPZ", "a.csv", "b/a.Tsv", "a.txt", "a.csv.gz", "a.TSV.GZ", "a.txt.gz"})
    EXPECT_TRUE(has_array_extension(path)) << path;
  for (const char* path : {"a", "a.gz", "a.npy.gz", "a.tar.gz", "a.csv.xz", "csv", "a.parquet"})
    EXPECT_FALSE(has_array_extension(path)) << path;
}

TEST(ArrayPath, TakesParametersApart) {
  const auto path = array_path("a/b.csv?columns=a,b,d-f&index=cell&header=no&missing=drop&separator=tab&decimal=comma");
  EXPECT_EQ(path.file, "a/b.csv");
  EXPECT_EQ(path.table.columns, "a,b,d-f");
  EXPECT_EQ(path.table.index, "cell");
  EXPECT_EQ(path.table.header, "no");
  EXPECT_EQ(path.table.missing, Missing::drop);
  EXPECT_EQ(path.table.separator, "tab");
  EXPECT_EQ(path.table.decimal, "comma");
  EXPECT_EQ(array_path("b.npy?columns=0,2-5").table.columns, "0,2-5");
  EXPECT_EQ(array_path("npz:b.npz?key=x&columns=1").key, "x");
  EXPECT_EQ(array_path("b.npz?key=x").key, "x");
  EXPECT_EQ(array_path("a.csv.gz?columns=\"a&b\",c").table.columns, "\"a&b\",c");
  EXPECT_EQ(array_path("a.csv").file, "a.csv");
  EXPECT_EQ(array_path("faces.zip?x=1").file, "faces.zip?x=1") << "no array";
  EXPECT_EQ(array_path("why?.csv?columns=a").file, "why?.csv");
}

TEST(ArrayPath, SaysWhatIsWrong) {
  EXPECT_THAT(message_of([] { array_path("a.csv?column=a"); }),
              AllOf(HasSubstr("a.csv?column=a"), HasSubstr("did you mean \"columns\"?")));
  EXPECT_THAT(message_of([] { array_path("a.npy?index=a"); }),
              AllOf(HasSubstr("unknown parameter"), HasSubstr("allowed: columns")));
  EXPECT_THAT(message_of([] { array_path("a.csv?header=1"); }), HasSubstr("allowed: auto, yes, no"));
  EXPECT_THAT(message_of([] { array_path("a.csv?missing=ignore"); }), HasSubstr("allowed: refuse, drop"));
  EXPECT_THAT(message_of([] { array_path("a.csv?columns="); }), HasSubstr("columns= names no columns"));
  EXPECT_THAT(message_of([] { array_path("npz:a.npy"); }), HasSubstr("a.npy is not a .npz file"));
}

TEST(ArrayPath, AFileThatIsThereIsMeant) {
  const ScratchFolder folder;
  std::ofstream(folder / "a.csv?columns=x") << "x,y\n1,2\n";
  std::ofstream(folder / "a.csv") << "x,y\n3,4\n";
  const auto path = (folder / "a.csv?columns=x").string();
  EXPECT_EQ(array_path(path).file, path);
  EXPECT_TRUE(torch::equal(open_array(path)->items({0}), torch::tensor({{1.f, 2.f}})));
  EXPECT_EQ(open_array((folder / "a.csv?columns=y").string())->item_shape(), std::vector<int64_t>{1});
}

TEST(ArrayPath, ChoosesColumnsOfArrays) {
  const ScratchFolder folder;
  const auto rows = torch::arange(12, torch::kFloat32).view({3, 4});
  io::write_npy(folder / "a.npy", rows);
  const auto open = [&](const std::string& choice) {
    return open_array((folder / "a.npy").string() + "?columns=" + choice);
  };
  EXPECT_TRUE(torch::equal(open("3,0-1")->items({0, 2}), torch::tensor({{3.f, 0.f, 1.f}, {11.f, 8.f, 9.f}})));
  EXPECT_THAT(message_of([&] { open("4"); }), AllOf(HasSubstr("no such column, got \"4\" (allowed: numbers, 0 to 3)")));
  EXPECT_THAT(message_of([&] { open("x"); }), HasSubstr("got \"x\""));
  io::write_npy(folder / "a.npy", torch::zeros({2, 3, 4, 4}));
  EXPECT_THAT(message_of([&] { open("0"); }),
              HasSubstr("columns can only be chosen from tables [N, D], got the shape [2, 3, 4, 4]"));
}

}  // namespace
}  // namespace monge::data
