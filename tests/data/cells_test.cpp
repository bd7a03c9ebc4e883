#include "monge/data/cells.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/data/arrays.h"
#include "monge/data/cell_conditions.h"
#include "monge/data/check_table.h"
#include "monge/data/open.h"
#include "tests/support/h5ad.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::H5adFile;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using Missing = io::TextTableOptions::Missing;

TEST(CellConditions, AreTakenApart) {
  using C = io::CellCondition;
  EXPECT_THAT(cell_conditions("a=b", ""), ElementsAre(C{"a", "b"}));
  EXPECT_THAT(cell_conditions("a=b,c!=d=e", ""), ElementsAre(C{"a", "b"}, C{"c", "d=e", false}));
  EXPECT_THAT(cell_conditions("\"a,=\"=\"b \"\"c\"\", d\",e=", ""), ElementsAre(C{"a,=", "b \"c\", d"}, C{"e", ""}));
  for (const char* bad : {"", "a", "=b", "a=b,", "a=\"b", "a=b\"c", "a!b", "\"a\"b=c"}) {
    EXPECT_THAT(message_of([&] { cell_conditions(bad, "x.h5ad"); }),
                AllOf(HasSubstr("x.h5ad: not a choice of cells"), HasSubstr("COLUMN=VALUE")))
        << bad;
  }
}

TEST(CellsPath, IsTakenApart) {
  const auto path = array_path("a/b.h5ad?layer=counts&where=c=ctrl,\"d&e\"=2&columns=g1,g2&missing=drop");
  EXPECT_EQ(path.file, "a/b.h5ad");
  EXPECT_EQ(path.cells.layer, "counts");
  EXPECT_EQ(path.conditions.size(), 2u);
  EXPECT_EQ(path.conditions[1].column, "d&e");
  EXPECT_EQ(path.table.columns, "g1,g2");
  EXPECT_EQ(path.table.missing, Missing::drop);
  EXPECT_EQ(array_path("b.H5AD?obsm=X_pca").cells.obsm, "X_pca");
  EXPECT_TRUE(array_path("b.h5ad?raw=yes").cells.raw);
  EXPECT_THAT(message_of([] { array_path("b.h5ad?layer=a&obsm=b"); }), HasSubstr("exclude each other"));
  EXPECT_THAT(message_of([] { array_path("b.h5ad?layer="); }), HasSubstr("layer= names nothing"));
  EXPECT_THAT(message_of([] { array_path("b.h5ad?raw=1"); }), HasSubstr("allowed: yes, no"));
  EXPECT_THAT(message_of([] { array_path("b.h5ad?obs=a"); }), HasSubstr("did you mean \"obsm\"?"));
  EXPECT_THAT(message_of([] { array_path("b.csv?layer=a"); }), HasSubstr("unknown parameter"));
}

class Cells : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_cells(path_); }
  std::string line(const std::string& parameters = "") const { return path_.string() + parameters; }

  ScratchFolder scratch_;
  std::filesystem::path path_ = scratch_ / "cells.h5ad";
};

TEST_F(Cells, AreASource) {
  std::vector<std::string> log;
  const auto source = open_source({.path = line("?where=condition=ctrl")},
                                  [&](LogLevel, const std::string& message) { log.push_back(message); });
  EXPECT_EQ(source->size(), 3);
  EXPECT_THAT(source->item_shape(), ElementsAre(4));
  EXPECT_THAT(source->table_names().rows, ElementsAre("c0", "c2", "c4"));
  EXPECT_THAT(source->table_names().columns, ElementsAre("g0", "g1", "g2", "g3"));
  EXPECT_EQ(source->table_names().index, "cell");
  EXPECT_EQ(source->items({2})[0][1].item<double>(), testing::cell_value(4, 1));
  EXPECT_THAT(log, ElementsAre(AllOf(HasSubstr("3 rows x 4 columns: g0, g1, g2, g3"),
                                     HasSubstr("AnnData, X, CSR, 3 of 6 cells chosen"))));
  const auto exact = open_source({.path = line("?layer=counts&columns=g3,g0-g1")});
  EXPECT_EQ(exact->number_type(), torch::kFloat64);
  EXPECT_THAT(exact->table_names().columns, ElementsAre("g3", "g0", "g1"));
  EXPECT_EQ(exact->exact_items({5})[0][0].item<double>(), testing::cell_value(5, 3) + 0.1);
  const auto pca = open_source({.path = line("?obsm=X_pca&columns=1")});
  EXPECT_TRUE(pca->table_names().columns.empty());
  EXPECT_EQ(pca->items({3})[0][0].item<double>(), -3);
  EXPECT_THAT(open_source({.path = line("?obsm=frame")})->table_names().columns, ElementsAre("b", "a"));
}

TEST_F(Cells, HandleMissingValuesAsOtherTables) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  {
    H5adFile file(path_, true);
    file.numbers("obsm/holes", {1, 2, nan, 3, 4, 5, 6, nan, nan, 7, 8, 9}, {6, 2});
  }
  EXPECT_THAT(message_of([&] { open_source({.path = line("?obsm=holes")}); }),
              AllOf(HasSubstr("cell \"c1\", column 0: a value is missing (NaN); 3 are"), HasSubstr("?missing=drop")));
  EXPECT_EQ(open_source({.path = line("?obsm=holes&where=cell=c0")})->size(), 1) << "other cells do not count";
  const auto chosen = choose_cells(line("?obsm=holes&missing=drop&where=condition!=stim"));
  EXPECT_THAT(chosen.cells, ElementsAre(0, 2, 5));
  const auto source = open_source({.path = line("?obsm=holes&missing=drop&where=condition!=stim")});
  EXPECT_THAT(source->table_names().rows, ElementsAre("c0", "c2", "c5"));
  EXPECT_THAT(source->open_report().reading, HasSubstr("1 rows left out for missing values"));
  EXPECT_THAT(message_of([&] { open_source({.path = line("?obsm=holes&missing=drop&where=cell=c1")}); }),
              HasSubstr("each of its 1 rows has a missing value"));
}

TEST_F(Cells, AreCheckedAsOtherTables) {
  EXPECT_TRUE(names_table(line("?obsm=X_pca")));
  const std::atomic<bool> stop = false;
  const auto report = check_table(line("?where=condition=ctrl"), line("?where=condition=stim"), {}, stop);
  EXPECT_EQ(report.rows, 3);
  EXPECT_EQ(report.against, 2);
  EXPECT_EQ(report.columns.at(3).name, "g3");
  EXPECT_EQ(report.leaked.size(), 0u);
}

TEST_F(Cells, FaultsNameTheLine) {
  EXPECT_THAT(message_of([&] { open_source({.path = line("?where=condition=x")}); }),
              HasSubstr(line("?where=condition=x")));
  EXPECT_THAT(message_of([&] { open_source({.path = (scratch_ / "no.h5ad?obsm=a").string()}); }),
              HasSubstr("no.h5ad: no such file"));
}

}  // namespace
}  // namespace monge::data
