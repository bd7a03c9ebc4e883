// translate --t and --steps, from outside.
#include <torch/types.h>

#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "tests/cli/fixture.h"
#include "tests/io/animations.h"

namespace monge {
namespace {

class CliBetween : public Cli {
 protected:
  std::string translate(const std::string& arguments, int code = 0) {
    const auto result = monge(folder.path(), "translate run " + arguments);
    EXPECT_EQ(result.code, code) << arguments << "\n" << result.err;
    return result.err;
  }
  std::string read(const std::string& name) { return testing::slurp(folder / name); }
};

TEST_F(CliBetween, TablesGoAPartOfTheWayOrInSteps) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  std::ofstream(folder / "x.csv") << "cell,x,y\na,0.1,1\nb,-1,2\n";
  EXPECT_THAT(translate("x.csv start.csv --t 0 --samples 2"),
              HasSubstr("2 items, 2 outputs each at t = 0, written to start.csv"));
  EXPECT_EQ(read("start.csv"), "cell,x,y\na,0.1,1\na,0.1,1\nb,-1,2\nb,-1,2\n");
  translate("x.csv plain.csv --samples 2");
  translate("x.csv end.csv --t 1 --samples 2");
  EXPECT_EQ(read("end.csv"), read("plain.csv"));
  EXPECT_THAT(translate("x.csv film --steps 10 --samples 2"),
              HasSubstr("2 items, 2 outputs each in 10 steps, written to film"));
  EXPECT_EQ(read("film/step_01.csv"), read("start.csv"));
  EXPECT_EQ(read("film/step_10.csv"), read("plain.csv"));
  EXPECT_THAT(translate("x.csv film --steps 10 --samples 2"), HasSubstr("replaced 10 existing files"));
  EXPECT_FALSE(fs::exists(folder / "film/step_01.csv.part"));

  io::write_npy(folder / "x.npy", torch::rand({5000, 2}));  // more than go at once
  translate("x.npy film.npy --steps 4 -q");
  translate("x.npy y.npy -q");
  const auto film = io::read_npy(folder / "film.npy");
  ASSERT_EQ(film.sizes(), torch::IntArrayRef({5000, 4, 2}));
  EXPECT_TRUE(torch::equal(film.select(1, 0), io::read_npy(folder / "x.npy")));
  EXPECT_TRUE(torch::equal(film.select(1, 3), io::read_npy(folder / "y.npy")));
  translate("x.npy by_few.npy --steps 4 --batch 7 -q");
  EXPECT_EQ(read("by_few.npy"), read("film.npy"));
  const auto line = json::parse(monge(folder.path(), "translate run x.npy film.npy --steps 4 --json -q").out);
  EXPECT_EQ(line["steps"], 4);
  EXPECT_FALSE(line.contains("t"));
}

TEST_F(CliBetween, TheInverseMapLeadsBack) {
  const std::string both =
      " --set method=strong --set map.net=gradient --set train.directions=both --set train.update=simultaneous "
      "--set train.k_t=1 --set map.residual=false";
  const auto trained = monge(folder.path(), "train v.toml --out both -q" + both);
  ASSERT_EQ(trained.code, 0) << trained.err;
  io::write_npy(folder / "y.npy", torch::rand({50, 2}));
  ASSERT_EQ(monge(folder.path(), "translate both y.npy back.npy --inverse -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "export both --out both.safetensors -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "translate both.safetensors y.npy same.npy --inverse -q").code, 0);
  ASSERT_EQ(monge(folder.path(), "translate both y.npy on.npy -q").code, 0);
  EXPECT_EQ(read("back.npy"), read("same.npy"));
  EXPECT_NE(read("back.npy"), read("on.npy"));
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  EXPECT_THAT(translate("y.npy none.npy --inverse", 2), HasSubstr("train.directions = \"both\""));
  EXPECT_FALSE(fs::exists(folder / "none.npy"));
}

TEST_F(CliBetween, AnUnbalancedTrainingGivesWeights) {
  const auto trained = monge(folder.path(),
                             "train v.toml --out run -q --set method=strong --set unbalanced.source=chi2 "
                             "--set unbalanced.target=softplus --set unbalanced.alpha=0.3");
  ASSERT_EQ(trained.code, 0) << trained.err;
  std::ofstream(folder / "x.csv") << "cell,x,y\na,0.1,1\nb,-1,2\n";
  EXPECT_THAT(translate("x.csv y.csv --weights w/x.csv"), HasSubstr("weights of mean"));
  EXPECT_THAT(read("w/x.csv"), ::testing::StartsWith("cell,weight\na,"));
  io::write_npy(folder / "x.npy", torch::rand({5000, 2}));  // more than go at once
  translate("x.npy y.npy --weights w.npy -q");
  const auto weights = io::read_npy(folder / "w.npy");
  ASSERT_EQ(weights.sizes(), torch::IntArrayRef({5000}));
  EXPECT_GE(weights.min().item<double>(), 0);
  EXPECT_GT(weights.std().item<double>(), 0);
  translate("x.npy y.npy --weights same.npy --batch 7 -q");
  EXPECT_LT((io::read_npy(folder / "same.npy") - weights).abs().max().item<double>(), 1e-5);
  const auto line = json::parse(monge(folder.path(), "translate run x.npy y.npy --weights w.npy --json -q").out);
  EXPECT_NEAR(line["mean_weight"].get<double>(), weights.mean().item<double>(), 1e-6);
  EXPECT_THAT(translate("x.npy y.npy --weights w.png", 2), HasSubstr("must name a .npy, .csv or .tsv file"));
  EXPECT_THAT(translate("x.npy y.npy --weights y.npy", 2), HasSubstr("lies among the inputs or outputs"));
  fs::remove_all(folder / "run");
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  EXPECT_THAT(translate("x.npy z.npy --weights v.npy", 2), HasSubstr("unbalanced.source"));
  EXPECT_FALSE(fs::exists(folder / "z.npy") || fs::exists(folder / "v.npy"));
}

TEST_F(CliBetween, WeightsOfImagesHaveTheirNames) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q --set method=strong --set unbalanced.source=kl").code, 0);
  translate("images out --weights w.csv --size train -q");
  EXPECT_THAT(read("w.csv"), AllOf(HasSubstr("weight\n"), HasSubstr("inner/1.png,")));
  // The potential takes the size of the training alone, and no image may get a weight that was not computed.
  io::write_image((folder / "images/wide.png").string(), torch::zeros({40, 70, 3}, torch::kUInt8));
  EXPECT_THAT(translate("images out --weights w2.csv", 2), AllOf(HasSubstr("--weights"), HasSubstr("--size train")));
  EXPECT_FALSE(fs::exists(folder / "w2.csv"));
  EXPECT_THAT(translate("images out --weights w2.csv --ranks 2", 2), HasSubstr("one process writes the weights"));
}

TEST_F(CliBetween, ImagesMakeFilmsAndFolders) {
  ASSERT_EQ(monge(folder.path(), "train p.toml --out run -q").code, 0);
  translate("images/2.png film.webp --steps 5 -q");
  EXPECT_EQ(testing::decode_animation(read("film.webp")).frames.size(), 5u);
  translate("images steps --steps 3 -q");
  translate("images plain -q");
  for (const char* name : {"0.png", "inner/1.png"}) {
    EXPECT_EQ(read(std::string("steps/step_3/") + name), read(std::string("plain/") + name));
    EXPECT_TRUE(torch::equal(io::read_image(folder / "steps/step_1" / name), io::read_image(folder / "images" / name)))
        << "the first step is the input";
  }
  translate("images by_two --steps 3 --ranks 2 -q");
  for (const auto& entry : fs::recursive_directory_iterator(folder / "steps")) {
    if (!entry.is_regular_file()) continue;
    EXPECT_EQ(testing::slurp(entry.path()),
              testing::slurp(folder / "by_two" / fs::relative(entry.path(), folder / "steps")))
        << entry.path();
  }
  io::write_archive(folder / "in.tar", {{"a/x.png", read("images/0.png")}});
  translate("in.tar out.zip --steps 2 -q");
  const auto entries = io::read_archive(folder / "out.zip");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[1].name, "step_2/a/x.png");
}

TEST_F(CliBetween, WrongValuesAreRefusedBeforeAnythingIsWritten) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  io::write_npy(folder / "x.npy", torch::rand({5, 2}));
  for (const char* t : {"1.5", "-0.5", "nan"}) {
    EXPECT_THAT(translate(std::string("x.npy y.npy --t ") + t, 2),
                AllOf(HasSubstr("--t: the interpolation is between"), HasSubstr(t),
                      HasSubstr("(allowed: 0 (the input) to 1 (the output))")));
  }
  EXPECT_THAT(translate("x.npy y.npy --t half", 2), HasSubstr("--t"));
  EXPECT_THAT(translate("x.npy y.npy --steps 1", 2), HasSubstr("--steps"));
  EXPECT_THAT(translate("x.npy y.npy --steps 5 --t 0.5", 2), HasSubstr("--t and --steps: choose one"));
  EXPECT_THAT(translate("x.npy y.csv --steps 5", 2), HasSubstr("a .npy file, or a folder for one .npy per step"));
  EXPECT_THAT(translate("none.npy film --steps 5", 2), HasSubstr("none.npy: no such file or folder"));
  EXPECT_FALSE(fs::exists(folder / "y.npy") || fs::exists(folder / "y.csv") || fs::exists(folder / "film"));
}

}  // namespace
}  // namespace monge
