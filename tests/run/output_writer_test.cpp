#include "monge/run/output_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/files.h"
#include "monge/data/tensor_source.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/text_table.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

torch::Tensor images(int64_t draws) { return torch::linspace(-1, 1, draws * 3 * 8 * 8).view({draws, 3, 8, 8}); }

TEST(OutputWriter, NamesTheDrawsOfAnItem) {
  EXPECT_EQ(output_name("a/smile.jpg", 0, 1), "a/smile.jpg");
  EXPECT_EQ(output_name("a/smile.jpg", 1, 3), "a/smile_2.jpg");
  EXPECT_EQ(output_name("000007", 0, 1), "000007.png");
  EXPECT_EQ(output_name("a/scan.bmp", 0, 1), "a/scan.bmp.png");
  EXPECT_EQ(output_name("a/smile.SVG", 0, 1), "a/smile.png") << "a drawing becomes pixels";
  EXPECT_EQ(output_name("smile.svg", 1, 2), "smile_2.png");
}

TEST(OutputWriter, ShortensOnlyWhatFileSystemsDoNotTake) {
  const std::string longest(251, 'n');
  EXPECT_EQ(output_name(longest + ".png", 0, 1), longest + ".png");
  EXPECT_EQ(output_name(longest + ".png", 1, 2), std::string(249, 'n') + "_2.png");
  EXPECT_EQ(output_name("a/" + std::string(255, 'n'), 0, 1), "a/" + longest + ".png");
  const ScratchFolder folder;
  OutputWriter writer(DataKind::folder, folder / "out");
  for (const char* end : {"a", "b"}) writer.add(std::string(250, 'n') + end + ".png", images(2));
  writer.finish();
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "out"), fs::directory_iterator()), 4)
      << "none took the place of another";
}

// What a path is goes before what it is called.
TEST(OutputWriter, TellsTheKindByWhatIsThere) {
  const ScratchFolder folder;
  for (const char* name : {"my.csv", "set.tar", "a.npy", "set.parquet"}) {
    fs::create_directory(folder / name);
    std::ofstream(folder / name / "x.png") << "x";
    EXPECT_EQ(kind_of((folder / name).string()), DataKind::folder) << name;
  }
  EXPECT_EQ(kind_of("none.csv"), DataKind::table);
  EXPECT_EQ(kind_of("none.tar"), DataKind::archive);
  EXPECT_EQ(kind_of("none-{0..3}.tar?member=input.png"), DataKind::archive);
  EXPECT_EQ(kind_of((folder / "my.csv?member=input.png").string()), DataKind::folder);
  EXPECT_THAT(message_of([&] { check_output(DataKind::table, "in.csv", folder / "my.csv"); }),
              AllOf(HasSubstr("my.csv"), HasSubstr("is a folder")));
}

TEST(OutputWriter, WantsTheKindOfTheInput) {
  const ScratchFolder folder;
  std::ofstream(folder / "in.tar") << "x";
  const auto complaint = [&](DataKind kind, const char* out) {
    return message_of([&] { check_output(kind, folder / "in.tar", folder / out); });
  };
  EXPECT_THAT(complaint(DataKind::table, "out.txt"),
              AllOf(HasSubstr("out.txt"), HasSubstr(".npy, .csv, .tsv, .csv.gz or .tsv.gz")));
  EXPECT_THAT(complaint(DataKind::archive, "out.gz"), HasSubstr(".tar.gz"));
  EXPECT_THAT(complaint(DataKind::archive, "in.tar"), HasSubstr("the input itself"));
  EXPECT_THAT(complaint(DataKind::image, "out.gif"), HasSubstr(".png"));
  check_output(DataKind::archive, folder / "in.tar", folder / "OUT.Tar.GZ");
  check_output(DataKind::image, folder / "in.tar", folder / "out.JPG");
}

TEST(OutputWriter, EncodesByTheExtensionInEitherCase) {
  const ScratchFolder folder;
  for (const char* out : {"out.zip", "out"}) {
    OutputWriter writer(std::string(out) == "out" ? DataKind::folder : DataKind::archive, folder / out);
    writer.add("a/x.JPG", images(1));
    writer.finish();
  }
  const auto entries = io::read_archive(folder / "out.zip");
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "a/x.JPG");
  EXPECT_TRUE(entries[0].bytes.starts_with("\xff\xd8\xff"));
  EXPECT_EQ(entries[0].bytes, real_files().read(folder / "out/a/x.JPG"));
}

TEST(OutputWriter, LosesNothingWhereNamesMeet) {
  const ScratchFolder folder;
  OutputWriter writer(DataKind::archive, folder / "out.tar");
  for (int i = 0; i < 3; ++i) writer.add("x.png", images(1));
  writer.finish();
  std::vector<std::string> names;
  for (const auto& entry : io::read_archive(folder / "out.tar")) names.push_back(entry.name);
  EXPECT_THAT(names, ElementsAre("x.png", "x-2.png", "x-3.png"));
}

TEST(OutputWriter, AnArchiveThatIsNotFinishedTakesNothingsPlace) {
  const ScratchFolder folder;
  std::ofstream(folder / "out.tar") << "old";
  {
    OutputWriter writer(DataKind::archive, folder / "out.tar");
    writer.add("x.png", images(1));
  }
  EXPECT_EQ(real_files().read(folder / "out.tar"), "old");
  EXPECT_FALSE(fs::exists(folder / "out.tar.part"));
}

TEST(OutputWriter, StacksTheRowsOfATable) {
  const ScratchFolder folder;
  for (const int64_t draws : {1, 3}) {
    OutputWriter writer(DataKind::table, folder / "out.npy", 5);
    for (int i = 0; i < 5; ++i) writer.add("", torch::full({draws, 2}, i));
    writer.finish();
    const auto rows = io::read_npy(folder / "out.npy");
    EXPECT_EQ(rows.sizes(), draws == 1 ? torch::IntArrayRef({5, 2}) : torch::IntArrayRef({5, 3, 2}));
    EXPECT_EQ(rows[4].max().item<double>(), 4);
  }
}

// The rows go to the disk as they come, and the file is there when it is whole.
TEST(OutputWriter, ATableIsWrittenAsItsRowsCome) {
  const ScratchFolder folder;
  const auto row = torch::rand({2, 3000});  // 24,000 bytes: a few of them are written at once
  for (const char* name : {"out.npy", "out.csv"}) {
    {
      OutputWriter writer(DataKind::table, folder / name, 100);
      for (int i = 0; i < 99; ++i) writer.add("", row);
      EXPECT_GT(fs::file_size(folder / (std::string(name) + ".part")), 1'000'000u);
      EXPECT_FALSE(fs::exists(folder / name));
      EXPECT_THAT(message_of([&] { writer.finish(); }),
                  AllOf(HasSubstr(name), HasSubstr("99 of 100 items were written")));
    }
    EXPECT_FALSE(fs::exists(folder / (std::string(name) + ".part")));
    OutputWriter writer(DataKind::table, folder / name, 100);
    for (int i = 0; i < 100; ++i) writer.add("", row + i);
    EXPECT_THAT(message_of([&] { writer.add("", row.narrow(1, 0, 3)); }), HasSubstr("[2, 3]"));
  }
  OutputWriter writer(DataKind::table, folder / "out.npy", 100), text(DataKind::table, folder / "out.csv", 100);
  for (int i = 0; i < 100; ++i) {
    writer.add("", row + i);
    text.add("", row + i);
  }
  writer.finish();
  text.finish();
  const auto read = io::read_npy(folder / "out.npy");
  ASSERT_EQ(read.sizes(), torch::IntArrayRef({100, 2, 3000}));
  EXPECT_TRUE(torch::equal(read, row + torch::arange(100, torch::kFloat32).view({100, 1, 1})));
  EXPECT_TRUE(torch::equal(io::read_text_table(folder / "out.csv").values.to(torch::kFloat32), read.flatten(0, 1)));
}

TEST(OutputWriter, NamesOfColumnsAndRowsGoIntoAText) {
  const ScratchFolder folder;
  const TableFormat format{.type = torch::kFloat64,
                           .names = {.columns = {"x", "y, m"}, .rows = {"a", "b"}, .index = "cell"},
                           .steps = {0.01, 0.01}};
  const auto first = torch::tensor({{1.23467, 2.}, {3., 4.}}, torch::kFloat64);
  for (const char* name : {"out.csv", "out.tsv", "out.npy"}) {
    OutputWriter writer(DataKind::table, folder / name, 2, format);
    writer.add("", first);
    writer.add("", first + 1);
    writer.finish();
  }
  // Each output of an input has the input's row name.
  EXPECT_EQ(real_files().read(folder / "out.csv"), "cell,x,\"y, m\"\na,1.235,2\na,3,4\nb,2.235,3\nb,4,5\n");
  EXPECT_EQ(real_files().read(folder / "out.tsv"), "cell\tx\t\"y, m\"\na\t1.235\t2\na\t3\t4\nb\t2.235\t3\nb\t4\t5\n");
  const auto array = io::read_npy(folder / "out.npy");
  EXPECT_EQ(array.scalar_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(array, torch::stack({first, first + 1})));

  OutputWriter other(DataKind::table, folder / "other.csv", 2, format);
  EXPECT_THAT(message_of([&] { other.add("", torch::zeros({1, 3})); }), HasSubstr("3 columns have 2 names"));
  EXPECT_THAT(message_of([&] { OutputWriter(DataKind::table, folder / "o.csv", 3, format); }),
              HasSubstr("3 items have 2 row names"));
}

TEST(OutputWriter, ATextIsCompressedByItsName) {
  const ScratchFolder folder;
  const auto row = torch::rand({2, 3000});
  OutputWriter plain(DataKind::table, folder / "out.csv", 100), compressed(DataKind::table, folder / "out.csv.gz", 100);
  for (int i = 0; i < 100; ++i) {
    plain.add("", row + i);
    compressed.add("", row + i);
  }
  plain.finish();
  compressed.finish();
  const auto packed = real_files().read(folder / "out.csv.gz");
  EXPECT_TRUE(packed.starts_with("\x1f\x8b"));
  EXPECT_LT(packed.size(), fs::file_size(folder / "out.csv") / 2);
}

/// Two items that are named like files.
class NamedItems : public data::TensorSource {
 public:
  NamedItems() : data::TensorSource("items", torch::rand({2, 3, 8, 8})) {}
  std::string item_name(int64_t index) const override { return index == 0 ? "a.png" : "b.png"; }
};

TEST(OutputWriter, CountsWhatIsReplacedAndKeepsInputs) {
  const ScratchFolder folder;
  const auto put = [&](const char* name) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << name;
  };
  const NamedItems source;
  const auto count = [&](const char* out, int64_t draws = 1) {
    return check_replaced(DataKind::folder, folder / out, {folder / "in"}, source, draws);
  };
  const auto complaint = [&](const char* out, int64_t draws = 1) { return message_of([&] { count(out, draws); }); };
  for (const char* name :
       {"in/a.png", "in/b.png", "old/a.png", "old/other.png", "drawn/a_1.png", "drawn/a_2.png", "drawn/b_2.png"})
    put(name);
  EXPECT_EQ(count("none"), 0);
  EXPECT_EQ(count("old"), 1);
  EXPECT_EQ(count("drawn"), 0);
  EXPECT_EQ(count("drawn", 2), 3);

  // Links, symbolic and hard, from either side.
  for (const char* name : {"orig/a.png", "orig/b.png"}) put(name);
  fs::remove(folder / "in/b.png");
  fs::create_symlink("../orig/b.png", folder / "in/b.png");
  EXPECT_THAT(complaint("orig"), AllOf(HasSubstr("orig/b.png: an output would overwrite this file"),
                                       HasSubstr("in/b.png"), HasSubstr("choose another place")));
  fs::create_directories(folder / "hard");
  fs::create_hard_link(folder / "in/a.png", folder / "hard/a.png");
  EXPECT_THAT(complaint("hard"), HasSubstr("hard/a.png: an output would overwrite this file"));
  EXPECT_EQ(count("hard", 2), 0) << "a_1.png, a_2.png";
  fs::create_directories(folder / "soft");
  fs::create_symlink("../in/a.png", folder / "soft/a.png");
  EXPECT_THAT(complaint("soft"), HasSubstr("soft/a.png: an output would overwrite this file"));
  fs::create_directory_symlink("orig", folder / "other_name");
  EXPECT_THAT(complaint("other_name"), HasSubstr("other_name/b.png: an output would overwrite this file"));
  EXPECT_THAT(message_of([&] {
                check_replaced(DataKind::folder, folder / "none", {folder / "in"}, source, 1, folder / "orig/b.png");
              }),
              HasSubstr("orig/b.png: an output would overwrite this file"))
      << "the grid's file";

  // Single files.
  const auto single = [&](DataKind kind, const char* in, const char* out, int64_t draws) {
    return check_replaced(kind, folder / out, {folder / in}, source, draws);
  };
  EXPECT_THAT(message_of([&] { single(DataKind::image, "drawn/a_2.png", "drawn/a.png", 2); }),
              HasSubstr("drawn/a_2.png: an output would overwrite this file"));
  EXPECT_EQ(single(DataKind::image, "in/a.png", "drawn/a.png", 2), 2);
  EXPECT_EQ(single(DataKind::table, "in/a.png", "old/a.png", 1), 1);
  EXPECT_EQ(single(DataKind::archive, "in/a.png", "old/none.tar", 1), 0);
}

TEST(OutputWriter, VectorsAreATableWhateverTheirPath) {
  const data::TensorSource vectors("v", torch::rand({3, 2})), images("i", torch::rand({3, 3, 8, 8}));
  EXPECT_EQ(kind_of("table.parquet?columns=a,b", vectors), DataKind::table);
  EXPECT_EQ(kind_of("x.npy", images), DataKind::table);
  EXPECT_EQ(kind_of("x.png", images), DataKind::image);
}

TEST(OutputWriter, ATableOfATableIsByItsFile) {
  EXPECT_EQ(kind_of("x.NPZ"), DataKind::table);
  EXPECT_EQ(kind_of("npz:pack.npz?key=x"), DataKind::table);
  EXPECT_THAT(message_of([] { kind_of("npz:pack.npz?name=x"); }), HasSubstr("unknown parameter"));
}

}  // namespace
}  // namespace monge::run
