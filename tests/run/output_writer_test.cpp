#include "monge/run/output_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/files.h"
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

torch::Tensor pictures(int64_t draws) { return torch::linspace(-1, 1, draws * 3 * 8 * 8).view({draws, 3, 8, 8}); }

TEST(OutputWriter, NamesTheDrawsOfAnItem) {
  EXPECT_EQ(output_name("a/smile.jpg", 0, 1), "a/smile.jpg");
  EXPECT_EQ(output_name("a/smile.jpg", 1, 3), "a/smile_2.jpg");
  EXPECT_EQ(output_name("000007", 0, 1), "000007.png");
  EXPECT_EQ(output_name("a/scan.tif", 0, 1), "a/scan.tif.png");
}

TEST(OutputWriter, WantsTheKindOfTheInput) {
  const ScratchFolder folder;
  std::ofstream(folder / "in.tar") << "x";
  const auto complaint = [&](DataKind kind, const char* out) { return message_of([&] { check_output(kind, folder / "in.tar", folder / out); }); };
  EXPECT_THAT(complaint(DataKind::table, "out.txt"), AllOf(HasSubstr("out.txt"), HasSubstr(".npy or .csv")));
  EXPECT_THAT(complaint(DataKind::archive, "out.gz"), HasSubstr(".tar.gz"));
  EXPECT_THAT(complaint(DataKind::archive, "in.tar"), HasSubstr("the input itself"));
  EXPECT_THAT(complaint(DataKind::picture, "out.gif"), HasSubstr(".png"));
  check_output(DataKind::archive, folder / "in.tar", folder / "OUT.Tar.GZ");
  check_output(DataKind::picture, folder / "in.tar", folder / "out.JPG");
}

TEST(OutputWriter, EncodesByTheExtensionInEitherCase) {
  const ScratchFolder folder;
  for (const char* out : {"out.zip", "out"}) {
    OutputWriter writer(std::string(out) == "out" ? DataKind::folder : DataKind::archive, folder / out);
    writer.add("a/x.JPG", pictures(1));
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
  for (int i = 0; i < 3; ++i) writer.add("x.png", pictures(1));
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
    writer.add("x.png", pictures(1));
  }
  EXPECT_EQ(real_files().read(folder / "out.tar"), "old");
  EXPECT_FALSE(fs::exists(folder / "out.tar.part"));
}

TEST(OutputWriter, StacksTheRowsOfATable) {
  const ScratchFolder folder;
  for (const int64_t draws : {1, 3}) {
    OutputWriter writer(DataKind::table, folder / "out.npy");
    for (int i = 0; i < 5; ++i) writer.add("", torch::full({draws, 2}, i));
    writer.finish();
    const auto rows = io::read_npy(folder / "out.npy");
    EXPECT_EQ(rows.sizes(), draws == 1 ? torch::IntArrayRef({5, 2}) : torch::IntArrayRef({5, 3, 2}));
    EXPECT_EQ(rows[4].max().item<double>(), 4);
  }
}

}  // namespace
}  // namespace monge::run
