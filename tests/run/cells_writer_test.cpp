#include "monge/run/cells_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/cells.h"
#include "monge/run/step_writer.h"
#include "tests/support/h5ad.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::H5adFile;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

torch::Tensor values_of(const std::string& line) {
  return data::read_cells(line, io::TextTableOptions::Missing::keep).table.values.to(torch::kFloat64);
}

TEST(CellsOutput, IsTakenApart) {
  const auto place = cells_output("a/b.h5ad?obsm=moved&genes=again&loadings=L&rest=keep&range=0..");
  ASSERT_TRUE(place);
  EXPECT_EQ(place->file, "a/b.h5ad");
  EXPECT_EQ(place->obsm, "moved");
  EXPECT_EQ(place->genes, "again");
  EXPECT_EQ(place->loadings, "L");
  EXPECT_TRUE(place->keeps_rest);
  EXPECT_EQ(place->range, (ValueRange{.low = 0}));
  EXPECT_EQ(cells_output("a.H5AD")->file, "a.H5AD");
  EXPECT_EQ(output_file("a.h5ad?layer=x"), "a.h5ad");
  EXPECT_EQ(output_file("a.npy"), "a.npy");
  for (const char* other : {"a.npy", "h5ad", "a.h5ad/b.csv", "why?.csv", ""})
    EXPECT_FALSE(cells_output(other)) << other;
  EXPECT_THAT(message_of([] { cells_output("a.h5ad?layers=x"); }), HasSubstr("did you mean \"layer\"?"));
  EXPECT_THAT(message_of([] { cells_output("a.h5ad?layer=a/b"); }), HasSubstr("a name without slashes"));
  EXPECT_THAT(message_of([] { cells_output("a.h5ad?obsm="); }), HasSubstr("a name without slashes"));
  EXPECT_THAT(message_of([] { cells_output("a.h5ad?range=0.."); }), HasSubstr("belongs to genes=NAME"));
}

class CellsFile : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_cells(in_); }

  std::string in(const std::string& parameters = "") const { return in_.string() + parameters; }
  std::string out(const std::string& parameters = "") const { return (scratch_ / "out.h5ad").string() + parameters; }

  /// Writes `rows`, [N, K, D], by the way of a translation.
  void write(const std::string& in_line, const std::string& out_line, const torch::Tensor& rows,
             std::vector<std::string> columns = {}) {
    auto place = step_place(DataKind::table, in_, out_line, 1);
    place.cells_format = {.in = in_line,
                          .columns = std::move(columns),
                          .type = rows.scalar_type(),
                          .samples = rows.size(1),
                          .metadata = {{"seed", int64_t{3}}, {"model", std::string("m")}}};
    StepWriter writer(place, rows.size(0));
    for (int64_t i = 0; i < rows.size(0); ++i) writer.add_row({rows[i]});
    writer.finish();
  }

  ScratchFolder scratch_;
  fs::path in_ = scratch_ / "cells.h5ad";
  const torch::Tensor all_ = torch::arange(24, torch::kFloat64).view({6, 1, 4}) + 0.25;
};

TEST_F(CellsFile, KeepsTheInputAndAddsALayer) {
  write(in(), out(), all_);
  EXPECT_FALSE(fs::exists(out() + ".part"));
  EXPECT_TRUE(torch::equal(values_of(out("?layer=transported")), all_.squeeze(1)));
  for (const char* same : {"", "?layer=counts", "?layer=turned", "?obsm=X_pca", "?obsm=frame", "?raw=yes"})
    EXPECT_TRUE(torch::equal(values_of(out(same)), values_of(in(same)))) << same;
}

TEST_F(CellsFile, KeepsChosenCells) {
  const std::string where = "where=good=true,note!=a";
  const auto rows = all_.narrow(0, 0, 2);
  write(in("?" + where), out("?layer=new"), rows.to(torch::kFloat32));
  const auto kept = torch::tensor({0, 4});
  EXPECT_THAT(data::choose_cells(out()).cells, ElementsAre(0, 1));
  for (const char* same : {"", "?layer=counts", "?layer=turned", "?obsm=X_pca", "?obsm=frame", "?raw=yes"})
    EXPECT_TRUE(torch::equal(values_of(out(same)), values_of(in(same)).index_select(0, kept))) << same;
  EXPECT_TRUE(torch::equal(values_of(out("?layer=new")), rows.squeeze(1)));
  // Every kind of column.
  for (const char* holds :
       {"condition=ctrl", "good=true", "age=30", "score=0.4", "note=\"b\"\"c\"", "donor=1", "cell=c4"})
    EXPECT_FALSE(data::choose_cells(out(std::string("?where=") + holds)).cells.empty()) << holds;
  EXPECT_THAT(data::choose_cells(out("?where=donor=2")).cells, ElementsAre(1));
  EXPECT_THAT(message_of([&] { data::choose_cells(out("?where=condition=stim")); }), HasSubstr("none of its 2 cells"))
      << "the category stays";
}

TEST_F(CellsFile, ChoosesThePlaceByTheInput) {
  // A layer has the order of var, whatever the order of the outputs.
  write(in(), out(), all_, {"g2", "g0", "g3", "g1"});
  EXPECT_TRUE(
      torch::equal(values_of(out("?layer=transported")), all_.squeeze(1).index_select(1, torch::tensor({1, 3, 0, 2}))));
  write(in("?columns=g3,g1"), out(), all_.narrow(2, 0, 2), {"g3", "g1"});
  EXPECT_THAT(data::choose_cells(out("?obsm=X_transported")).info.columns, ElementsAre("g3", "g1"));
  EXPECT_TRUE(torch::equal(values_of(out("?obsm=X_transported")), all_.squeeze(1).narrow(1, 0, 2)));
  write(in("?obsm=X_pca"), out("?obsm=moved"), all_.narrow(2, 0, 2));
  EXPECT_TRUE(data::choose_cells(out("?obsm=moved")).info.columns.empty());
  write(in("?obsm=frame"), out(), all_.narrow(2, 0, 2), {"b", "a"});
  EXPECT_THAT(data::choose_cells(out("?obsm=X_transported")).info.columns, ElementsAre("b", "a"));
  write(in(), out(), torch::cat({all_, -all_}, 1));
  EXPECT_TRUE(torch::equal(values_of(out("?layer=transported_1")), all_.squeeze(1)));
  EXPECT_TRUE(torch::equal(values_of(out("?layer=transported_2")), -all_.squeeze(1)));
}

TEST_F(CellsFile, ComputesGenesFromAnEmbedding) {
  const auto y = all_.narrow(2, 0, 2);
  const auto loadings = torch::tensor({{1., 0.}, {0., 1.}, {1., 1.}, {0., 0.5}}, torch::kFloat64);
  const auto x = values_of(in()), pca = values_of(in("?obsm=X_pca"));
  const auto middle = x.mean(0) - torch::mv(loadings, pca.mean(0));
  write(in("?obsm=X_pca"), out("?genes=again"), y);
  EXPECT_TRUE(torch::allclose(values_of(out("?layer=again")), torch::mm(y.squeeze(1), loadings.t()) + middle));
  write(in("?obsm=X_pca"), out("?genes=again&range=10..20"), y);
  EXPECT_TRUE(
      torch::allclose(values_of(out("?layer=again")), (torch::mm(y.squeeze(1), loadings.t()) + middle).clamp(10, 20)));
  write(in("?obsm=X_pca"), out("?genes=again&rest=keep"), y);
  EXPECT_TRUE(torch::allclose(values_of(out("?layer=again")), x + torch::mm(y.squeeze(1) - pca, loadings.t())));
}

TEST_F(CellsFile, RefusesWhatDoesNotFitAndLeavesNothing) {
  const auto refused = [&](const std::string& in_parameters, const std::string& out_parameters, int64_t width,
                           int64_t rows = 6) {
    const auto message =
        message_of([&] { write(in(in_parameters), out(out_parameters), all_.narrow(2, 0, width).narrow(0, 0, rows)); });
    EXPECT_FALSE(fs::exists(out()) || fs::exists(out() + ".part")) << message;
    return message;
  };
  EXPECT_THAT(refused("", "?layer=counts", 4), AllOf(HasSubstr("has an element of this name already"),
                                                     HasSubstr("layers/counts"), HasSubstr("layer=NAME")));
  EXPECT_THAT(refused("?obsm=X_pca", "?layer=a", 2),
              AllOf(HasSubstr("an embedding is no layer"), HasSubstr("genes=NAME")));
  EXPECT_THAT(refused("?columns=g1", "?layer=a", 1), HasSubstr("the outputs have 1 columns of X"));
  EXPECT_THAT(refused("", "?genes=a", 4), HasSubstr("the input holds genes"));
  EXPECT_THAT(refused("?obsm=X_pca", "?genes=a&loadings=PC", 2), HasSubstr("did you mean \"PCs\"?"));
  EXPECT_THAT(message_of([&] { step_place(DataKind::table, in_, in_, 1); }), HasSubstr("is the input itself"));
  EXPECT_THAT(message_of([&] { step_place(DataKind::table, "a.csv", "b.h5ad", 1); }),
              HasSubstr("only for the cells of another one"));
  {  // ended early
    auto place = step_place(DataKind::table, in_, out(), 1);
    place.cells_format = {.in = in()};
    StepWriter writer(place, 6);
    EXPECT_TRUE(fs::exists(out() + ".part"));
  }
  EXPECT_FALSE(fs::exists(out()) || fs::exists(out() + ".part"));
  {
    H5adFile file(in_, true);
    file.group("obsm/arrows", "awkward-array");
  }
  EXPECT_THAT(refused("?where=donor=1", "", 4, 2), HasSubstr("its cells cannot be chosen"));
}

}  // namespace
}  // namespace monge::run
