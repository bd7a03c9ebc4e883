// Training in standard units equals training on a table that was standardised before; the model keeps the units.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "monge/model/model.h"
#include "monge/train/trainer.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

/// Two tables whose second columns are a thousand times as wide as their first.
struct Tables {
  Tables() {
    const auto widths = torch::tensor({1.f, 1000.f});
    source = torch::randn({60, 2}, RandomStreams(8).at("p", 0)) * widths + 5;
    target = (torch::randn({60, 2}, RandomStreams(8).at("q", 0)) * 0.5 + 2) * widths;
    io::write_npy(folder / "p.npy", source);
    io::write_npy(folder / "q.npy", target);
  }
  Recipe recipe(const std::string& standardise, const std::string& p = "p.npy", const std::string& q = "q.npy") const {
    auto out = recipe_for("strong", false);
    out.source.path = (folder / p).string();
    out.target.path = (folder / q).string();
    out.data.standardise = standardise;
    out.eval.holdout = 0.2;
    return out;
  }

  testing::ScratchFolder folder;
  torch::Tensor source, target;
};

const std::atomic<bool> kGo{false};

torch::Tensor outputs(const model::Model& model, const torch::Tensor& x) {
  return model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1);
}

TEST(Standardisation, EqualsTrainingOnTablesThatWereStandardisedBefore) {
  const Tables tables;
  const auto recipe = tables.recipe("each");
  const auto data = open_training_data(recipe);
  ASSERT_TRUE(data.standardisation.has_value());
  // The expected numbers come from the training rows, without the held-out ones, by another formula in double.
  const auto held = open_training_data(tables.recipe("off"));
  const auto before = [&](const torch::Tensor& table, const data::Source& kept, const data::Columns& columns) {
    std::vector<int64_t> all;
    for (int64_t i = 0; i < kept.size(); ++i) all.push_back(i);
    const auto rows = kept.items(all).to(torch::kFloat64);
    EXPECT_EQ(rows.size(0), 48);
    const auto mean = rows.mean(0), deviation = (rows - mean).square().mean(0).sqrt();
    EXPECT_LT(testing::relative_error(columns.mean, mean), 1e-12);
    EXPECT_LT(testing::relative_error(columns.scale, deviation), 1e-12);
    return ((table.to(torch::kFloat64) - mean) / deviation).to(torch::kFloat32);
  };
  io::write_npy(tables.folder / "ps.npy", before(tables.source, *held.source, data.standardisation->source));
  io::write_npy(tables.folder / "qs.npy", before(tables.target, *held.target, data.standardisation->target));
  Trainer standardised(recipe, data, torch::kCPU, "", silent());
  const auto plain_recipe = tables.recipe("off", "ps.npy", "qs.npy");
  Trainer plain(plain_recipe, open_training_data(plain_recipe), torch::kCPU, "", silent());
  standardised.run(kGo);
  plain.run(kGo);
  const auto a = standardised.solver().state(), b = plain.solver().state();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    // The two formulas round differently in double, and seldom so in float32.
    EXPECT_LT(testing::relative_error(a[i].second, b[i].second), 1e-4) << a[i].first;
  }
}

TEST(Standardisation, TheModelTakesAndGivesRawRows) {
  const Tables tables;
  const auto recipe = tables.recipe("each");
  Trainer trainer(recipe, open_training_data(recipe), torch::kCPU, tables.folder.path(), silent());
  trainer.run(kGo);
  const auto& s = *trainer.data().standardisation;
  const auto inner = model::model_of(trainer);
  EXPECT_FALSE(inner.standardisation.has_value());

  const auto model = model::load_model(tables.folder.path(), torch::kCPU, silent());
  const auto x = tables.source.narrow(0, 0, 9);
  const auto expected = s.target.undo(outputs(inner, s.source.apply(x)));
  EXPECT_TRUE(torch::equal(outputs(model, x), expected));
  EXPECT_GT(expected.select(1, 1).abs().max().item<double>(), 100) << "in the target's own units";
  EXPECT_TRUE(torch::equal(outputs(model.in_standard_units(), s.source.apply(x)), outputs(inner, s.source.apply(x))));

  model::export_safetensors(model, tables.folder / "map.safetensors");
  const auto exported = model::load_model(tables.folder / "map.safetensors", torch::kCPU, silent());
  EXPECT_TRUE(torch::equal(outputs(exported, x), expected));
  model::export_safetensors(exported, tables.folder / "again.safetensors");
  EXPECT_TRUE(torch::equal(outputs(model::load_model(tables.folder / "again.safetensors", torch::kCPU, silent()), x),
                           expected));

  EXPECT_THAT(message_of([&] { model::export_torch(model, tables.folder / "map.pt"); }),
              AllOf(HasSubstr("data.standardise = each"), HasSubstr("cannot store means and scales"),
                    HasSubstr("model::export_safetensors()")));
  EXPECT_FALSE(fs::exists(tables.folder / "map.pt"));
}

TEST(Standardisation, AnExportedFileThatDoesNotFitItsRecipeIsRefused) {
  const Tables tables;
  const auto recipe = tables.recipe("joint");
  Trainer trainer(recipe, open_training_data(recipe), torch::kCPU, tables.folder.path(), silent());
  trainer.run(kGo);
  const auto path = tables.folder / "map.safetensors";
  model::export_safetensors(model::load_model(tables.folder.path(), torch::kCPU, silent()), path);
  const auto good = io::read_safetensors(path);
  const auto complaint = [&](const auto& spoil, bool hashed) {
    auto file = good;
    spoil(file);
    if (!hashed) file.metadata.erase("monge.xxh3");
    io::write_safetensors(path, file);
    return message_of([&] { model::load_model(path, torch::kCPU, silent()); });
  };
  const auto scale = [](io::TensorFile& file) -> torch::Tensor& {
    for (auto& [name, tensor] : file.tensors) {
      if (name == "standardise/target/scale") return tensor;
    }
    throw InputError("there is no scale");
  };
  EXPECT_THAT(complaint([&](io::TensorFile& file) { scale(file) = scale(file) * 2; }, true), HasSubstr("is damaged"));
  EXPECT_THAT(complaint([&](io::TensorFile& file) { scale(file) = -scale(file); }, false),
              HasSubstr("is not a scale of columns"));
  EXPECT_THAT(complaint(
                  [](io::TensorFile& file) {
                    std::erase_if(file.tensors,
                                  [](const auto& entry) { return entry.first.starts_with("standardise/"); });
                  },
                  false),
              AllOf(HasSubstr("data.standardise = joint, but it holds no means and scales"),
                    HasSubstr("do not belong to one model")));
  EXPECT_THAT(complaint(
                  [](io::TensorFile& file) {
                    for (auto& [name, tensor] : file.tensors) {
                      if (name.starts_with("standardise/")) tensor = torch::ones({3}, torch::kFloat64);
                    }
                  },
                  false),
              HasSubstr("its standardisation has 3 columns, but the map has items of shape [2]"));
}

// The standardisation is measured once, at the beginning.
TEST(Standardisation, AResumedRunTakesTheNumbersOfItsCheckpoint) {
  const Tables tables;
  for (const char* kind : {"each", "joint", "scale"}) {
    testing::ScratchFolder straight, broken;
    auto recipe = tables.recipe(kind);
    Trainer whole(recipe, open_training_data(recipe), torch::kCPU, straight.path(), silent());
    whole.run(kGo);
    {
      std::atomic<bool> stop{false};
      StopAt watcher(10, stop);
      Trainer half(recipe, open_training_data(recipe), torch::kCPU, broken.path(), silent());
      half.attach(watcher);
      half.run(stop);
    }
    const auto checkpoint = load_newest(broken.path() / "checkpoints", silent());
    ASSERT_EQ(checkpoint.iteration, 10);
    ASSERT_TRUE(checkpoint.standardisation.has_value());
    const LogSink loud = [](LogLevel, const std::string& line) {
      EXPECT_THAT(line, Not(HasSubstr("data.standardise"))) << "measured anew";
    };
    Trainer rest(recipe, open_training_data(recipe, {.log = loud, .standardisation = checkpoint.standardisation}),
                 torch::kCPU, broken.path(), silent());
    rest.resume(checkpoint);
    rest.run(kGo);
    const auto a = whole.solver().state(), b = rest.solver().state();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;

    auto other = *checkpoint.standardisation;
    other.target.scale = other.target.scale * 1.5;
    Trainer wrong(recipe, open_training_data(recipe, {.standardisation = other}), torch::kCPU, "", silent());
    EXPECT_THAT(message_of([&] { wrong.resume(checkpoint); }),
                HasSubstr("not standardised with the means and scales of the checkpoint"));
  }
}

TEST(Standardisation, RawDataForARecipeThatWantsNoneAreRefused) {
  auto recipe = recipe_for("strong", false);
  recipe.data.standardise = "each";
  EXPECT_THAT(message_of([&] { Trainer(recipe, data_for(false), torch::kCPU, "", silent()); }),
              AllOf(HasSubstr("data.standardise = each"), HasSubstr("not standardised")));
  recipe.source.path = recipe.target.path = "toy:gaussian?dim=2";
  const auto data = open_training_data(recipe);
  EXPECT_EQ(data.source, data.held_source);  // one source remains one
  EXPECT_EQ(data.target, data.held_target);
}

TEST(Standardisation, OneSourceOnBothSidesOfTheFloorStaysOne) {
  const Tables tables;
  EvaluationData data;
  data.source = std::make_shared<data::TensorSource>("p", tables.source);
  data.target = data.target_b = std::make_shared<data::TensorSource>("q", tables.target);
  standardise(data, data::measure_columns(*data.source, *data.target, "joint", 0));
  EXPECT_EQ(data.target, data.target_b);
}

}  // namespace
}  // namespace monge::train
