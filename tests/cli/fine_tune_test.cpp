// Trainings that start from other ones, and resumed ones that change, from outside.
#include <torch/types.h>

#include "monge/io/npy.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

TEST_F(Cli, StartsFromARunAndResumesWithoutIt) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out first -q").code, 0);
  const std::string tune = "train v.toml --set train.init=first --set train.lr_map=1e-3 --set train.seed=5 ";
  const auto dry = monge(folder.path(), tune + "--dry-run");
  ASSERT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.err, HasSubstr("starts from first (iteration 12, XXH3 of the weights "));
  const auto straight = monge(folder.path(), tune + "--out straight");
  ASSERT_EQ(straight.code, 0) << straight.err;
  EXPECT_THAT(straight.err, HasSubstr("loads the map, its average and the potential"));
  EXPECT_THAT(testing::slurp(folder / "straight/log.txt"), HasSubstr("starts from"));
  EXPECT_THAT(testing::slurp(folder / "straight/recipe.toml"),
              HasSubstr("init = \"" + (folder / "first").string() + "\""));
  ASSERT_EQ(monge(folder.path(), tune + "--out broken -q").code, 0);
  fs::remove_all(folder / "broken/checkpoints/step_000012");  // as if it had been killed after iteration 8
  fs::remove_all(folder / "first");
  fs::create_directory(folder / "elsewhere");
  const auto resumed = monge(folder / "elsewhere", "resume ../broken -q");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(testing::slurp(folder / "broken/checkpoints/step_000012/state.safetensors"),
            testing::slurp(folder / "straight/checkpoints/step_000012/state.safetensors"));
}

TEST_F(Cli, AStartThatDoesNotFitIsFoundBeforeAFolderIsMade) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out first -q").code, 0);
  for (const auto& [arguments, phrase] :
       {std::pair{"train v.toml --set train.init=first --set map.width=8 --dry-run", "map.width = 16 there and 8 here"},
        {"train v.toml --set train.init=first --set map.width=8", "map.width = 16 there and 8 here"},
        {"train v.toml --set train.init=absent", "train.init"},
        {"train v.toml --set train.init=v.toml", "is not a model"},
        {"truth gaussian --set train.init=first", "is fixed by the case"}}) {
    const auto result = monge(folder.path(), arguments);
    EXPECT_EQ(result.code, 2) << arguments << result.err;
    EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
    EXPECT_FALSE(fs::exists(folder / "runs")) << arguments;
  }
}

TEST_F(Cli, StartsFromARunOnSeveralRanks) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out first -q").code, 0);
  const auto result =
      monge(folder.path(),
            "train v.toml --out tuned --ranks 2 --set train.init=first --set train.iterations=1 --set train.lr_map=0 "
            "--set train.lr_potential=0");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("starts from"));
  const auto before = train::load_newest(folder / "first/checkpoints", silent()).tensors;
  const auto after = train::load_newest(folder / "tuned/checkpoints", silent()).tensors;
  for (const auto& [name, tensor] : after) {
    if (!name.starts_with("map/") && !name.starts_with("potential/")) continue;
    const auto found = std::find_if(before.begin(), before.end(),
                                    [&, &name = name](const auto& entry) { return entry.first == name; });
    EXPECT_TRUE(torch::equal(tensor, found->second)) << name;  // no rate: nothing moved
  }
}

TEST_F(Cli, ATableInAnotherOrderIsBroughtToThatOfTheWeights) {
  const auto table = torch::rand({60, 2}, torch::kFloat64);
  std::ofstream ab(folder / "ab.csv"), ba(folder / "ba.csv"), other(folder / "other.csv");
  ab << "a,b\n";
  ba << "b,a\n";
  other << "a,c\n";
  for (int64_t row = 0; row < 60; ++row) {
    const double a = table[row][0].item<double>(), b = 10 * table[row][1].item<double>();
    ab << a << ',' << b << '\n';
    ba << b << ',' << a << '\n';
    other << a << ',' << b << '\n';
  }
  for (auto* file : {&ab, &ba, &other}) file->close();
  const std::string train = "train v.toml --set data.standardise=joint --set train.iterations=2 ";
  ASSERT_EQ(monge(folder.path(), train + "--out first -q --set source.path=ab.csv --set target.path=ab.csv").code, 0);
  const std::string tune = train + "--set train.init=first --set train.seed=3 ";
  const auto same = monge(folder.path(), tune + "--out same --set source.path=ab.csv --set target.path=ab.csv");
  ASSERT_EQ(same.code, 0) << same.err;
  const auto turned = monge(folder.path(), tune + "--out turned --set source.path=ba.csv --set target.path=ba.csv");
  ASSERT_EQ(turned.code, 0) << turned.err;
  EXPECT_THAT(turned.err, AllOf(HasSubstr("matched by name"), HasSubstr("keeps the means and scales of first")));
  const auto refused =
      monge(folder.path(), tune + "--out other --set source.path=other.csv --set target.path=other.csv");
  EXPECT_EQ(refused.code, 2) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("\"b\""));
  const auto tensors = [&](const char* run) {
    return train::load_newest(folder / run / "checkpoints", silent()).tensors;
  };
  const auto a = tensors("same"), b = tensors("turned");
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
}

TEST_F(Cli, ResumeTellsWhatChanges) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q --set train.schedule=cosine").code, 0);
  const auto refused = monge(folder.path(), "resume run --set weak.gamma1=0.1");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("--set weak.gamma1=0.1"), HasSubstr("train.lr_map"), HasSubstr("train.init")));
  const auto resumed = monge(folder.path(), "resume run --set train.lr_map=1e-4 --set train.iterations=24");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("train.lr_map 2e-04 -> 1e-04 from iteration 13 on"),
                                 HasSubstr("the learning rate of the map jumps at iteration 13: 0 -> 5e-05 "
                                           "(train.schedule = \"cosine\", train.iterations 12 -> 24)")));
  EXPECT_THAT(testing::slurp(folder / "run/recipe.toml"), HasSubstr("lr_map = 1e-04"));
  const auto again = monge(folder.path(), "resume run --set train.iterations=25 --set train.schedule=constant");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("train.lr_map")));
}

TEST_F(Cli, TranslatesByANetThatIsNamed) {
  const auto fixtures = fs::path(MONGE_SOURCE_DIR) / "tests/fixtures/checkpoints";
  for (const char* name : {"two_maps.pt", "x.npy", "y.npy"}) fs::copy_file(fixtures / name, folder / name);
  const auto unclear = monge(folder.path(), "translate two_maps.pt x.npy o.npy");
  EXPECT_EQ(unclear.code, 2);
  EXPECT_THAT(unclear.err, HasSubstr("two_maps.pt?key=T  a map"));
  const auto named = monge(folder.path(), "translate 'two_maps.pt?key=T' x.npy o.npy");
  ASSERT_EQ(named.code, 0) << named.err;
  EXPECT_LT(testing::relative_error(io::read_npy(folder / "o.npy"), io::read_npy(folder / "y.npy")), 1e-6);
}

}  // namespace
}  // namespace monge
