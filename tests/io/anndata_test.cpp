#include "monge/io/anndata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "tests/io/damage.h"
#include "tests/support/files.h"
#include "tests/support/h5ad.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::cell_value;
using monge::testing::H5adFile;
using monge::testing::message_of;
using monge::testing::ScratchFolder;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<int64_t> up_to(int64_t count) {
  std::vector<int64_t> out(static_cast<size_t>(count));
  std::iota(out.begin(), out.end(), int64_t{0});
  return out;
}

torch::Tensor whole(const AnnDataFile& file, const CellsChoice& choice) {
  const auto table = file.table(choice, "line");
  return file.read(table, up_to(file.cells()), up_to(table.width));
}

class AnnData : public ::testing::Test {
 protected:
  void SetUp() override { monge::testing::write_cells(path_); }

  /// Changes the file, then reads all of its tables and columns. @return the message of the error.
  template <class Change>
  std::string after(const Change& change, const CellsChoice& choice = {}) {
    monge::testing::write_cells(path_);
    {
      H5adFile file(path_, true);
      change(file);
    }
    return message_of([&] { whole(AnnDataFile(path_), choice); });
  }

  ScratchFolder scratch_;
  std::filesystem::path path_ = scratch_ / "cells.h5ad";
};

TEST_F(AnnData, GivesNamesAndTables) {
  const AnnDataFile file(path_);
  EXPECT_EQ(file.cells(), 6);
  EXPECT_THAT(file.cell_names(), ElementsAre("c0", "c1", "c2", "c3", "c4", "c5"));
  EXPECT_THAT(file.gene_names(), ElementsAre("g0", "g1", "g2", "g3"));
  EXPECT_EQ(file.index_name(), "cell");
  const auto x = whole(file, {});
  ASSERT_EQ(x.sizes(), torch::IntArrayRef({6, 4}));
  EXPECT_EQ(x.scalar_type(), torch::kFloat32);
  for (int64_t i = 0; i < 6; ++i) {
    for (int64_t j = 0; j < 4; ++j) EXPECT_EQ(x[i][j].item<double>(), cell_value(i, j));
  }
  EXPECT_TRUE(torch::equal(whole(file, {.layer = "turned"}), x)) << "columns first";
  const auto counts = whole(file, {.layer = "counts"});
  EXPECT_EQ(counts.scalar_type(), torch::kFloat64);
  EXPECT_EQ(counts[5][3].item<double>(), cell_value(5, 3) + 0.1) << "float64 keeps its digits";
  const auto pca = whole(file, {.obsm = "X_pca"});
  EXPECT_EQ(pca[4][1].item<double>(), -4);
  const auto frame = file.table({.obsm = "frame"}, "line");
  EXPECT_THAT(frame.columns, ElementsAre("b", "a")) << "the order of the frame";
  EXPECT_EQ(frame.form, "data frame");
  EXPECT_EQ(file.read(frame, {0, 2}, {1}).scalar_type(), torch::kFloat32);
  EXPECT_EQ(file.read(frame, {0, 2}, {0})[1][0].item<double>(), 3);
  const auto raw = file.table({.raw = true}, "line");
  EXPECT_THAT(raw.columns, ElementsAre("r0", "r1", "r2", "r3", "r4"));
  EXPECT_EQ(file.read(raw, {3}, {4})[0][0].item<double>(), 304);
}

TEST_F(AnnData, ReadsChosenRowsAndColumns) {
  const AnnDataFile file(path_);
  for (const CellsChoice& choice : {CellsChoice{}, {.layer = "counts"}, {.layer = "turned"}}) {
    const auto table = file.table(choice, "line");
    const auto all = whole(file, choice);
    EXPECT_TRUE(torch::equal(file.read(table, {1, 2, 5}, {3, 0}),
                             all.index_select(0, torch::tensor({1, 2, 5})).index_select(1, torch::tensor({3, 0}))))
        << table.element;
    EXPECT_TRUE(torch::allclose(file.means(table), all.to(torch::kFloat64).mean(0))) << table.element;
  }
  EXPECT_EQ(file.gene_matrix("PCs")[3][1].item<double>(), 0.5);
  EXPECT_THAT(message_of([&] { file.gene_matrix("PC"); }),
              AllOf(HasSubstr("allowed: \"PCs\""), HasSubstr("did you mean \"PCs\"?")));
}

TEST_F(AnnData, ReadsEveryTypeOfNumber) {
  {
    H5adFile file(path_, true);
    for (const char* type : {"f2", ">f4", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "bool"}) {
      std::vector<double> values(24, 0);
      values[5] = 1;
      file.numbers(std::string("layers/") + type, values, {6, 4}, type);
    }
  }
  const AnnDataFile file(path_);
  const std::pair<const char*, torch::ScalarType> expected[] = {
      {"f2", torch::kFloat32}, {">f4", torch::kFloat32}, {"i1", torch::kFloat32},  {"i2", torch::kFloat32},
      {"i4", torch::kInt32},   {"i8", torch::kInt64},    {"u1", torch::kFloat32},  {"u2", torch::kFloat32},
      {"u4", torch::kInt64},   {"u8", torch::kUInt64},   {"bool", torch::kFloat32}};
  for (const auto& [type, tensor] : expected) {
    const auto values = whole(file, {.layer = type});
    EXPECT_EQ(values.scalar_type(), tensor) << type;
    EXPECT_EQ(values.to(torch::kFloat64).sum().item<double>(), 1) << type;
    EXPECT_EQ(values[1][1].item<double>(), 1) << type;
  }
}

TEST_F(AnnData, ReadsTheOldForms) {
  {
    H5adFile file(path_, true);
    // anndata 0.7: codes with a reference, texts of fixed length, layers without attributes.
    file.remove("obs/condition");
    file.texts("obs/__categories/condition", {"ctrl", "stim"}, 8);
    file.numbers("obs/condition", {0, 1, 0, 1, 0, -1}, {6}, "i1");
    file.reference("obs/condition", "categories", "obs/__categories/condition");
    file.remove("obs/cell");
    file.texts("obs/cell", {"c0", "c1", "é", "c3", "c4", "c5"}, 4);
    // Before that, sparse matrices had other attributes.
    file.remove("X");
    monge::testing::put_sparse(file, "X", std::vector<double>(24, 2), 6, 4, "csr_matrix");
    file.group("old");
  }
  {
    H5adFile file(path_, true);
    file.remove("layers/turned");
    file.group("layers/turned");
    file.attribute("layers/turned", "h5sparse_format", "csc");
    file.attribute("layers/turned", "h5sparse_shape", std::vector<int64_t>{6, 4});
    file.numbers("layers/turned/data", {8}, {1});
    file.numbers("layers/turned/indices", {5}, {1}, "i4");
    file.numbers("layers/turned/indptr", {0, 0, 1, 1, 1}, {5}, "i4");
  }
  const AnnDataFile file(path_);
  EXPECT_EQ(file.cell_names()[2], "é");
  EXPECT_THAT(file.cells_where({{"condition", "stim"}}, "line"), ElementsAre(1, 3));
  const auto turned = whole(file, {.layer = "turned"});
  EXPECT_EQ(turned.sum().item<double>(), 8);
  EXPECT_EQ(turned[5][1].item<double>(), 8);
}

TEST_F(AnnData, SelectsCells) {
  const AnnDataFile file(path_);
  const auto cells = [&](const std::vector<CellCondition>& conditions) { return file.cells_where(conditions, "line"); };
  EXPECT_THAT(cells({}), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(cells({{"condition", "ctrl"}}), ElementsAre(0, 2, 4)) << "a missing category is neither";
  EXPECT_THAT(cells({{"condition", "ctrl", false}}), ElementsAre(1, 3, 5));
  EXPECT_THAT(cells({{"condition", "stim"}, {"donor", "2"}}), ElementsAre(1));
  EXPECT_THAT(cells({{"donor", "3.0"}}), ElementsAre(2, 5));
  EXPECT_THAT(cells({{"score", "0.1"}}), ElementsAre(1)) << "0.1 in float32";
  EXPECT_THAT(cells({{"good", "true"}, {"note", "a"}}), ElementsAre(1, 5));
  EXPECT_THAT(cells({{"good", "False"}}), ElementsAre(2, 3));
  EXPECT_THAT(cells({{"note", "a,b"}}), ElementsAre(0));
  EXPECT_THAT(cells({{"note", ""}}), ElementsAre(2));
  EXPECT_THAT(cells({{"age", "40"}}), ElementsAre(1, 3));
  EXPECT_THAT(cells({{"cell", "c5"}}), ElementsAre(5)) << "the index";
}

TEST_F(AnnData, SaysWhatIsThere) {
  auto open = std::make_unique<AnnDataFile>(path_);
  const auto& file = *open;
  EXPECT_THAT(message_of([&] { file.cells_where({{"conditon", "ctrl"}}, "cells.h5ad?where"); }),
              AllOf(HasSubstr("cells.h5ad?where: obs has no column of this name, got \"conditon\""),
                    HasSubstr("\"condition\", \"donor\""), HasSubstr("did you mean \"condition\"?")));
  EXPECT_THAT(
      message_of([&] { file.cells_where({{"condition", "control"}}, "line"); }),
      AllOf(HasSubstr("the column \"condition\" of obs has no such value"), HasSubstr("allowed: \"ctrl\", \"stim\"")));
  EXPECT_THAT(message_of([&] { file.cells_where({{"donor", "x"}}, "line"); }), HasSubstr("\"1\", \"2\", \"3\""));
  EXPECT_THAT(message_of([&] { file.cells_where({{"condition", "ctrl"}, {"age", "40"}}, "line"); }),
              AllOf(HasSubstr("none of its 6 cells"), HasSubstr("\"condition\" = \"ctrl\": 3, \"age\" = \"40\": 2")));
  EXPECT_THAT(message_of([&] { file.table({.layer = "count"}, "line"); }),
              AllOf(HasSubstr("has no layer of this name"), HasSubstr("\"counts\", \"turned\""),
                    HasSubstr("did you mean \"counts\"?")));
  EXPECT_THAT(message_of([&] { file.table({.obsm = "X_umap"}, "line"); }), HasSubstr("\"X_pca\", \"frame\""));
  open.reset();  // HDF5 locks it
  EXPECT_THAT(
      after([](H5adFile& it) { it.remove("X"); }),
      AllOf(HasSubstr("has no X"), HasSubstr("layers: \"counts\", \"turned\"; obsm: \"X_pca\", \"frame\"; raw")));
  EXPECT_THAT(after([](H5adFile& it) { it.remove("raw"); }, {.raw = true}), HasSubstr("has no raw"));
}

TEST_F(AnnData, RefusesOtherFiles) {
  EXPECT_THAT(message_of([&] { AnnDataFile(scratch_ / "none.h5ad"); }), HasSubstr("no such file"));
  EXPECT_THAT(message_of([&] { AnnDataFile(scratch_.path()); }), HasSubstr("is not a regular file"));
  monge::testing::write_file(scratch_ / "a.h5ad", "cell,gene\n1,2\n");
  EXPECT_THAT(message_of([&] { AnnDataFile(scratch_ / "a.h5ad"); }),
              AllOf(HasSubstr("is no HDF5 file"), HasSubstr("write_h5ad")));
  { H5adFile(scratch_ / "b.h5ad").group("weights"); }
  EXPECT_THAT(message_of([&] { AnnDataFile(scratch_ / "b.h5ad"); }),
              AllOf(HasSubstr("not one of AnnData"), HasSubstr("members: \"weights\"")));
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("obs");
                it.numbers("obs", {1}, {1});
              }),
              HasSubstr("before 0.7"));
}

TEST_F(AnnData, ComparesSizesBeforeItAllocates) {
  constexpr uint64_t kHuge = uint64_t{1} << 62;
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("X");
                it.claim("X", {kHuge, 4});
              }),
              HasSubstr("has 4611686018427387904 rows, and obs has 6"));
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("X");
                it.claim("X", {6, kHuge});
              }),
              HasSubstr("var has 4"));
  EXPECT_THAT(after(
                  [](H5adFile& it) {
                    it.remove("obsm/X_pca");
                    it.claim("obsm/X_pca", {6, kHuge});
                  },
                  {.obsm = "X_pca"}),
              HasSubstr("overflows"));
  EXPECT_THAT(after(
                  [](H5adFile& it) {
                    it.remove("obsm/X_pca");
                    it.claim("obsm/X_pca", {6, uint64_t{1} << 50});
                  },
                  {.obsm = "X_pca"}),
              HasSubstr("too large for the memory"));
  EXPECT_THAT(after([](H5adFile& it) { it.attribute("X", "shape", std::vector<int64_t>{6, int64_t{1} << 62}); }),
              HasSubstr("var has 4"));
  EXPECT_THAT(after([](H5adFile& it) { it.attribute("X", "shape", std::vector<int64_t>{-6, 4}); }),
              HasSubstr("states no shape"));
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("obs/donor");
                it.claim("obs/donor", {kHuge});
                it.remove("obs/cell");
                it.claim("obs/cell", {kHuge});
              }),
              Not(HasSubstr("bad_alloc")));
}

TEST_F(AnnData, ChecksSparseMatrices) {
  const auto with = [&](const std::string& member, const std::vector<double>& values, const std::string& type) {
    return after([&](H5adFile& it) {
      it.remove("X/" + member);
      it.numbers("X/" + member, values, {static_cast<int64_t>(values.size())}, type);
    });
  };
  EXPECT_THAT(with("indptr", {0, 2, 5, 8, 10, 13}, "i4"), HasSubstr("does not have 6 + 1 offsets"));
  EXPECT_THAT(with("indptr", {0, 5, 2, 8, 10, 13, 16}, "i4"), HasSubstr("no ascending places"));
  EXPECT_THAT(with("indptr", {0, 2, 5, 8, 10, 13, 1600}, "i4"), HasSubstr("no ascending places"));
  EXPECT_THAT(with("indices", std::vector<double>(16, 4), "i4"), HasSubstr("the index 4 is outside 0..3"));
  EXPECT_THAT(with("indices", std::vector<double>(16, -1), "i4"), HasSubstr("the index -1 is outside"));
  EXPECT_THAT(with("indices", std::vector<double>(15, 0), "i4"), HasSubstr("differ in length"));
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("X/data");
                it.texts("X/data", std::vector<std::string>(16, "a"));
              }),
              HasSubstr("holds no numbers"));
  EXPECT_THAT(after([](H5adFile& it) { it.remove("X/indices"); }), HasSubstr("\"indices\" cannot be opened"));
}

TEST_F(AnnData, NamesAFilterThatIsNotHere) {
  EXPECT_THAT(after([](H5adFile& it) {
                it.remove("X");
                it.numbers("X", std::vector<double>(24, 1), {6, 4}, "f4", "unknown");
              }),
              AllOf(HasSubstr("cells.h5ad: X: is compressed by a filter that is not here, got filter 32015"),
                    HasSubstr("compression=\"gzip\"")));
}

TEST_F(AnnData, ChecksColumns) {
  const auto select = [&](const std::string& column) {
    return message_of([&] { AnnDataFile(path_).cells_where({{column, "1"}}, "line"); });
  };
  {
    H5adFile file(path_, true);
    file.remove("obs/condition/codes");
    file.numbers("obs/condition/codes", {0, 1, 2, 1, 0, 0}, {6}, "i1");
    file.remove("obs/donor");
    file.numbers("obs/donor", {1, 1, 2}, {3}, "i4");
    file.remove("obs/age/mask");
    file.numbers("obs/age/mask", {1}, {1}, "bool");
  }
  EXPECT_THAT(select("condition"), HasSubstr("the code 2 is beyond its 2 categories"));
  EXPECT_THAT(select("donor"), HasSubstr("has 3 values for 6 rows"));
  EXPECT_THAT(select("age"), HasSubstr("differ in length"));
}

TEST_F(AnnData, SurvivesTruncation) {
  const auto bytes = real_files().read(path_);
  const auto cut = scratch_ / "cut.h5ad";
  for (size_t length = 0; length < bytes.size(); length += 499) {
    monge::testing::write_file(cut, bytes.substr(0, length));
    EXPECT_THAT(message_of([&] { whole(AnnDataFile(cut), {}); }), HasSubstr("cut.h5ad")) << length;
  }
}

// HDF5 itself crashes on some of these files, which a child process takes upon itself.
TEST_F(AnnData, SurvivesDamage) {
  const auto damaged = scratch_ / "damaged.h5ad";
  const auto bytes = real_files().read(path_);
  int round = 0;
  monge::testing::refuses_damage(bytes, 60, [&](const std::string& changed) {
    monge::testing::write_file(damaged, changed);
    const AnnDataFile file(damaged);
    const CellsChoice choices[] = {{}, {.layer = "counts"}, {.obsm = "X_pca"}, {.obsm = "frame"}};
    whole(file, choices[++round % 4]);
    const char* columns[] = {"condition", "note", "age"};
    file.cells_where({{columns[round % 3], "1"}}, "line");
  });
  // The lengths of texts in the heap of the file.
  int refused = 0;
  for (auto at = bytes.find("GCOL"); at != std::string::npos; at = bytes.find("GCOL", at + 1)) {
    auto changed = bytes;
    changed.replace(at + 8, 40, 40, '\xff');
    monge::testing::write_file(damaged, changed);
    try {
      AnnDataFile(damaged).cells_where({{"note", "a"}}, "line");
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("damaged.h5ad"));
      ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(AnnDataFixture, RealCellsAreRead) {
  MONGE_NEEDS_SHARED("data/h5ad/temporal.h5ad");
  const AnnDataFile file(monge::testing::shared_folder() / "data/h5ad/temporal.h5ad");
  EXPECT_EQ(file.cells(), 250);
  const auto table = file.table({}, "line");
  EXPECT_EQ(table.width, 1479);
  EXPECT_EQ(table.form, "CSR");
  EXPECT_EQ(whole(file, {}).count_nonzero().item<int64_t>(), 40039);
  const auto early = file.cells_where({{"day", "10"}}, "line"), late = file.cells_where({{"day", "10.5"}}, "line");
  EXPECT_EQ(early.size(), 85u) << "the rows of uns/tmap_10_105";
  EXPECT_EQ(late.size(), 81u);
}

}  // namespace
}  // namespace monge::io
