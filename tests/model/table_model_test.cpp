// Models of tables: the names of columns, the range of outputs, and values in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "monge/model/model.h"
#include "monge/train/trainer.h"
#include "tests/data/named_table.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

const std::atomic<bool> kGo{false};

torch::Tensor far_rows(int64_t n, int64_t step) {
  return torch::randn({n, 2}, RandomStreams(4).at("far", step), torch::kFloat64) *
             torch::tensor({0.1, 10.}, torch::kFloat64) +
         torch::tensor({5.8e6, 1.75e9}, torch::kFloat64);
}

/// A short training on tables far from 0, in double and with names.
struct Tables {
  explicit Tables(const std::string& standardise = "joint", const std::string& range = "") {
    recipe = train::recipe_for("strong", false);
    recipe.data.standardise = standardise;
    recipe.output.range = range;
    p = far_rows(60, 0);
    q = far_rows(60, 1) + torch::tensor({0.2, 30.}, torch::kFloat64);
    const auto source = std::make_shared<data::NamedTable>(
        "p", p, io::TableNames{.columns = {"northing", "time"}, .rows = {}, .index = ""});
    const auto target = std::make_shared<data::NamedTable>(
        "q", q, io::TableNames{.columns = {"northing", "seconds"}, .rows = {}, .index = ""});
    data = {source, target, source, target};
    if (standardise != "off") train::standardise(data, data::measure_columns(*source, *target, standardise, 0));
  }
  Model trained() const {
    train::Trainer trainer(recipe, data, torch::kCPU, folder.path(), silent());
    trainer.run(kGo);
    return load_model(folder.path(), torch::kCPU, silent());
  }

  testing::ScratchFolder folder;
  train::Recipe recipe;
  train::TrainingData data;
  torch::Tensor p, q;
};

torch::Tensor outputs(const Model& model, const torch::Tensor& x) {
  return model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1);
}

TEST(TableModel, KeepsTheNamesOfItsColumns) {
  const Tables tables;
  const auto model = tables.trained();
  EXPECT_THAT(model.columns.source, ElementsAre("northing", "time"));
  EXPECT_THAT(model.columns.target, ElementsAre("northing", "seconds"));
  EXPECT_EQ(model.output_columns(), model.columns.target);
  export_safetensors(model, tables.folder / "map.safetensors");
  const auto exported = load_model(tables.folder / "map.safetensors", torch::kCPU, silent());
  EXPECT_EQ(exported.columns, model.columns);
  EXPECT_TRUE(torch::equal(outputs(exported, tables.p), outputs(model, tables.p)));

  auto file = io::read_safetensors(tables.folder / "map.safetensors");
  file.metadata.erase("monge.xxh3");
  for (const auto& [names, complaint] : {std::pair{R"(["a"])", "it names 1 columns"},
                                         {"7", "is not a list of names"},
                                         {"[1, 2]", "is not a list of names"}}) {
    file.metadata["monge.source_columns"] = names;
    io::write_safetensors(tables.folder / "bad.safetensors", file);
    EXPECT_THAT(message_of([&] { load_model(tables.folder / "bad.safetensors", torch::kCPU, silent()); }),
                HasSubstr(complaint));
  }
}

TEST(TableModel, ASideWithoutNamesHasThoseOfTheOther) {
  Tables tables;
  const auto nameless = std::make_shared<data::NamedTable>("p", tables.p),
             named = std::make_shared<data::NamedTable>(
                 "q", tables.q, io::TableNames{.columns = {"northing", "seconds"}, .rows = {}, .index = ""});
  tables.data = {nameless, named, nameless, named};
  train::standardise(tables.data, data::measure_columns(*nameless, *named, "joint", 0));
  EXPECT_THAT(tables.trained().columns.source, ElementsAre("northing", "seconds"));
  EXPECT_EQ((data::ColumnNames{{"a"}, {}}.completed()), (data::ColumnNames{{"a"}, {"a"}}));
}

TEST(TableModel, OneWithoutNamesLoadsAsBefore) {
  const Tables tables;
  tables.trained();
  auto checkpoint = train::load_newest(tables.folder / "checkpoints", silent());
  checkpoint.columns = {};
  const auto whole = train::save_checkpoint(tables.folder / "old", checkpoint);
  // Files that were written before there were names lack the two entries.
  auto manifest = nlohmann::json::parse(real_files().read(whole / "manifest.json"));
  EXPECT_EQ(manifest.erase("source_columns") + manifest.erase("target_columns"), 2u);
  manifest.erase("xxh3");
  manifest["xxh3"] = content_hash(manifest.dump());
  std::ofstream(whole / "manifest.json") << manifest.dump(2) << "\n";
  const auto model = load_model(whole, torch::kCPU, silent());
  EXPECT_THAT(model.columns.source, IsEmpty());
  EXPECT_THAT(model.output_columns(), IsEmpty());
  export_safetensors(model, tables.folder / "map.safetensors");
  EXPECT_FALSE(io::read_safetensors(tables.folder / "map.safetensors").metadata.contains("monge.source_columns"));
}

TEST(TableModel, TakesAndGivesDoubles) {
  const Tables tables;
  const auto model = tables.trained();
  const auto& s = *model.standardisation;
  const auto y = outputs(model, tables.p);
  ASSERT_EQ(y.scalar_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(y, s.target.undo(outputs(model.in_standard_units(), s.source.apply(tables.p)))));
  EXPECT_FALSE(torch::equal(y, outputs(model, tables.p.to(torch::kFloat32)))) << "rows that were rounded before";
  EXPECT_GT(std::get<0>(at::_unique2(y.select(1, 1))).size(0), 50) << "distinct values; float32 has 1 here";
}

TEST(TableModel, OutputsAreClampedToTheirRange) {
  const Tables tables("joint", "1.75e9..1750000005");
  const auto model = tables.trained();
  Model free = model;
  free.limits.reset();
  int64_t clamped = 0;
  const auto y = model.outputs(model.inputs(tables.p, 1, RandomStreams(0).at("z", 0)), &clamped),
             raw = outputs(free, tables.p);
  EXPECT_TRUE(torch::equal(y, raw.clamp(1.75e9, 1750000005)));
  EXPECT_EQ(clamped, ((raw < 1.75e9) | (raw > 1750000005)).sum().item<int64_t>());
  EXPECT_GT(clamped, 60) << "the whole first column lies below";
  // The metrics are those of the clamped map, with the same bounds in standard units.
  const auto z = model.standardisation->source.apply(tables.p);
  const auto inner = outputs(model.in_standard_units(), z);
  EXPECT_LT((model.standardisation->target.undo(inner) - y).select(1, 1).abs().max().item<double>(), 1e-4);
  EXPECT_GT((inner - outputs(free.in_standard_units(), z)).abs().max().item<double>(), 0.1);
  train::Trainer trainer(tables.recipe, tables.data, torch::kCPU, "", silent());
  EXPECT_TRUE(model_of(trainer).limits.has_value());

  // Outputs do not exceed a bound that float32 cannot represent, either.
  free.set_output_range("..0.1");
  free.standardisation.reset();
  const auto both = torch::tensor({{1e4, 1e4}, {-1e4, -1e4}, {1e4, -1e4}, {-1e4, 1e4}}, torch::kFloat64);
  EXPECT_LE(outputs(free, both).to(torch::kFloat64).max().item<double>(), 0.1);
  free.standardisation = model.standardisation;
  free.set_output_range("6e6..");
  EXPECT_EQ(outputs(free, tables.p).min().item<double>(), 6e6);
  EXPECT_THAT(message_of([&] { free.set_output_range("1..0"); }), HasSubstr("output.range"));
}

TEST(TableModel, ARangeIsForVectorsAlone) {
  auto recipe = train::recipe_for("strong", true);
  recipe.output.range = "0..1";
  EXPECT_THAT(message_of([&] { train::Trainer(recipe, train::data_for(true), torch::kCPU, "", silent()); }),
              AllOf(HasSubstr("output.range = \"0..1\""), HasSubstr("only vectors")));
  recipe.output.range = "1";
  EXPECT_THAT(message_of([&] { train::validate(recipe); }), AllOf(HasSubstr("output.range"), HasSubstr("LOW..HIGH")));
}

TEST(TableModel, AnEvaluationTakesColumnsByName) {
  train::EvaluationData data;
  const io::TableNames turned{.columns = {"time", "northing"}, .rows = {}, .index = ""},
      known{.columns = {"northing", "seconds"}, .rows = {}, .index = ""};
  data.source = std::make_shared<data::NamedTable>("p", far_rows(5, 0).flip(1), turned);
  data.target = data.target_b = std::make_shared<data::NamedTable>("q", far_rows(5, 1), known);
  select_columns(data, {.source = {"northing", "time"}, .target = {"northing", "seconds"}}, silent());
  EXPECT_TRUE(torch::equal(data.source->exact_items({0, 1, 2, 3, 4}), far_rows(5, 0)));
  EXPECT_EQ(data.target, data.target_b);
  EXPECT_THAT(message_of([&] { select_columns(data, {.source = {"northing", "hour"}, .target = {}}, silent()); }),
              HasSubstr("the source lacks 1 of the 2 columns of the training: \"hour\""));
}

/// The warnings of open_training_data for tables in files.
std::string said_by(const std::string& standardise, const testing::ScratchFolder& folder,
                    train::TrainingData* data = nullptr) {
  auto recipe = train::recipe_for("strong", false);
  recipe.source.path = (folder / "p.npy").string();
  recipe.target.path = (folder / "q.npy").string();
  recipe.data.standardise = standardise;
  std::string logged;
  const auto log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::warning) logged += line + "\n";
  };
  const auto opened = train::open_training_data(recipe, {.log = log});
  if (data) *data = opened;
  return logged;
}

TEST(LostColumns, AreToldBeforeTheTraining) {
  const testing::ScratchFolder folder;
  io::write_npy(folder / "p.npy", far_rows(100, 0));
  io::write_npy(folder / "q.npy", far_rows(100, 1));
  train::TrainingData data;
  EXPECT_THAT(
      said_by("off", folder, &data),
      AllOf(HasSubstr("float32 cannot hold"), HasSubstr("source columns 0, 1 (2 of 2); target columns 0, 1 (2 of 2)"),
            HasSubstr("Set data.standardise = \"joint\"")));
  EXPECT_THAT(data.lost.source, ElementsAre(0, 1));
  for (const char* kind : {"joint", "each", "scale"}) {
    EXPECT_EQ(said_by(kind, folder, &data), "") << kind;
    EXPECT_FALSE(data.lost.any());
  }
  // If two sides lie far apart, their common mean is far from both.
  io::write_npy(folder / "q.npy", -far_rows(100, 1));
  EXPECT_THAT(said_by("joint", folder),
              HasSubstr("The two sides lie far apart there: set data.standardise = \"each\""));
  EXPECT_EQ(said_by("each", folder), "");
}

TEST(LostColumns, OfAFillValueAreToldWithTheCureThatFits) {
  const testing::ScratchFolder folder;
  for (const double value : {1e10, 1e20, -3.4e38}) {
    auto rows = torch::randn({300, 3}, RandomStreams(1).at("rows", 0), torch::kFloat64);
    for (const int64_t i : {3, 77, 150, 222, 280}) rows[i][1] = value;  // not all of them are held out
    io::write_npy(folder / "p.npy", rows);
    io::write_npy(folder / "q.npy", rows);
    train::TrainingData data;
    for (const char* kind : {"joint", "each"}) {
      EXPECT_THAT(said_by(kind, folder, &data),
                  AllOf(HasSubstr("the source's column 1: one value, "),
                        HasSubstr("the target's column 1: one value, "), HasSubstr("?missing=drop"),
                        HasSubstr("float32 cannot hold: source columns 1 (1 of 3); target columns 1 (1 of 3)"),
                        HasSubstr("A few values far from the others stretch the scale there"),
                        ::testing::Not(HasSubstr("lie far apart"))))
          << kind << " " << value;
      EXPECT_THAT(data.lost.source, ElementsAre(1));
      EXPECT_THAT(data.lost.target, ElementsAre(1));
    }
    EXPECT_THAT(said_by("off", folder, &data),
                AllOf(HasSubstr("the source's column 1: one value, "), ::testing::Not(HasSubstr("cannot hold"))));
    EXPECT_FALSE(data.lost.any());
  }
}

}  // namespace
}  // namespace monge::model
