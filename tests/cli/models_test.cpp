// monge models and export --set, from outside.
#include <sstream>

#include "tests/cli/fixture.h"
#include "tests/support/http_server.h"

namespace monge {
namespace {

using testing::ScopedVariable;

/// A run of vectors and a run of images, each exported to the folder "shelf".
class CliModels : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    for (const char* name : {"v", "p"}) {
      ASSERT_EQ(monge(folder.path(), std::string("train ") + name + ".toml --out " + name + " -q").code, 0);
    }
    exported = monge(folder.path(),
                     "export v --out shelf/cloud-moons.safetensors --set name=cloud-moons "
                     "--set 'card.title=Gaussian to moons' --set card.licence=CC0-1.0 --set 'card.source=a Gaussian' "
                     "--set card.source_licence=CC0-1.0");
    ASSERT_EQ(exported.code, 0) << exported.err;
    ASSERT_EQ(monge(folder.path(), "export p --out shelf/greys.safetensors").code, 0);
  }

  testing::Result run(const std::string& arguments) const { return monge(folder.path(), arguments); }

  testing::NoProxies no_proxies;
  testing::Result exported;
  ScopedVariable here{"MONGE_MODELS", "shelf"}, cache{"XDG_CACHE_HOME", (folder / "cache").string()},
      url{"MONGE_MODELS_URL", {}};
};

TEST_F(CliModels, ListAndShowTellWhatAFileSaysOfItsMap) {
  const auto listed = run("models list");
  EXPECT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, AllOf(HasSubstr("cloud-moons"), HasSubstr("CC0-1.0"), HasSubstr("Gaussian to moons"),
                                HasSubstr("shelf/greys.safetensors"), HasSubstr("Folders searched: shelf, ")));
  EXPECT_FALSE(fs::exists(folder / "cache"));

  const auto shown = run("models show cloud-moons");
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_THAT(shown.out, AllOf(HasSubstr("a Gaussian (CC0-1.0)"), HasSubstr("method weak, 12 iterations, vectors of 2"),
                               HasSubstr("target_error"), HasSubstr("floor"), HasSubstr("verdict"),
                               HasSubstr("monge translate cloud-moons IN OUT --samples 4")));
  // The metrics are those that the run printed for this iteration.
  const auto summary = json::parse(testing::slurp(folder / "v/summary.json"));
  for (const char* model : {"cloud-moons", "v", "v/checkpoints/step_000012", "shelf/cloud-moons.safetensors"}) {
    const auto card = json::parse(run(std::string("models show --json ") + model).out);
    EXPECT_EQ(card["metrics"]["target_error"], summary["target_error"]) << model;
    EXPECT_EQ(card["verdict"], summary["verdict"]) << model;
    EXPECT_EQ(card["reaches_target"], summary["reaches_target"]) << model;
    EXPECT_EQ(card["iterations"], 12) << model;
  }
  EXPECT_THAT(run("models show cloud-moons --recipe").out, HasSubstr("title = \"Gaussian to moons\""));
}

TEST_F(CliModels, TheImageOfTheRunTravelsWithTheFile) {
  const auto shown = run("models show greys --image out.png");
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(testing::slurp(folder / "out.png"), testing::slurp(folder / "p/samples/step_000002.png"));
  EXPECT_THAT(run("models show greys --image out.jpg").err, HasSubstr("must name a .png file"));
}

TEST_F(CliModels, EveryCommandTakesAName) {
  std::ofstream(folder / "in.csv") << "x,y\n1,2\n3,4\n";
  const auto by_name = run("translate cloud-moons in.csv a.csv"), by_run = run("translate v in.csv b.csv");
  EXPECT_EQ(by_name.code, 0) << by_name.err;
  EXPECT_EQ(testing::slurp(folder / "a.csv"), testing::slurp(folder / "b.csv"));
  EXPECT_EQ(run("eval cloud-moons --samples 32").code, 0);
  EXPECT_EQ(run("export cloud-moons --to torch --out map.pt").code, 0);
  EXPECT_EQ(run("train v.toml --out tuned -q --set train.init=cloud-moons").code, 0);
  const auto wrong = run("translate cloud-mons in.csv c.csv");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("no such model"), HasSubstr("did you mean \"cloud-moons\"")));
  const auto unknown = run("translate whatever-it-is in.csv c.csv");
  EXPECT_THAT(unknown.err, HasSubstr("monge models list"));
  // A file of the name comes first.
  fs::create_directory(folder / "greys");
  EXPECT_THAT(run("translate greys in.csv c.csv").err, HasSubstr("neither a run directory"));
}

TEST_F(CliModels, ExportRefusesToOverwriteAndToChangeTheMap) {
  EXPECT_THAT(run("export cloud-moons --out shelf/cloud-moons.safetensors").err, HasSubstr("is the model itself"));
  EXPECT_THAT(run("export v --set map.width=3").err, HasSubstr("the map or its metrics depend on this key"));
  EXPECT_THAT(run("export v --to onnx --set name=x").err, HasSubstr("--set is for --to safetensors"));
}

TEST_F(CliModels, FetchesFromAnIndex) {
  const auto index = run("models index shelf");
  EXPECT_EQ(index.code, 0) << index.err;
  EXPECT_THAT(index.out, AllOf(HasSubstr("cloud-moons"), HasSubstr("greys")));
  testing::HttpServer server([this](const testing::HttpRequest& request) {
    const auto file = folder / "shelf" / request.target.substr(request.target.rfind('/') + 1);
    const bool there = fs::exists(file) && !request.target.starts_with("/gone/");
    return there ? testing::file_reply(request, testing::slurp(file)) : testing::HttpReply{.status = 404};
  });
  EXPECT_THAT(run("models list --url " + server.url("/")).out, HasSubstr("at " + server.url("/")));
  const auto got = run("models fetch greys --models mine --url " + server.url("/"));
  EXPECT_EQ(got.code, 0) << got.err;
  EXPECT_EQ(got.out, "mine/greys.safetensors\n");
  EXPECT_THAT(got.err, HasSubstr("monge models show mine/greys.safetensors shows its card"));
  EXPECT_EQ(run("models show mine/greys.safetensors").code, 0);
  EXPECT_EQ(testing::slurp(folder / "mine/greys.safetensors"), testing::slurp(folder / "shelf/greys.safetensors"));
  EXPECT_EQ(run("models fetch " + server.url("/cloud-moons.safetensors") + " --models mine -q").code, 0);

  const auto wrong = run("models fetch grays --url " + server.url("/"));
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("cloud-moons, greys"), HasSubstr("did you mean \"greys\"")));
  EXPECT_THAT(run("models fetch greys").err, AllOf(HasSubstr("--url"), HasSubstr("MONGE_MODELS_URL")));
  const auto gone = run("models fetch greys --url " + server.url("/gone"));
  EXPECT_EQ(gone.code, 2);
  EXPECT_THAT(gone.err, AllOf(HasSubstr(server.url("/gone/index.json")), HasSubstr("404")));
}

TEST_F(CliModels, WhatIsThereIsNotOverwritten) {
  std::ofstream(folder / "shelf/index.json") << R"({"my": "data"})";
  const auto index = run("models index shelf");
  EXPECT_EQ(index.code, 2);
  EXPECT_THAT(index.err, AllOf(HasSubstr("shelf/index.json"), HasSubstr("is not an index of models; move it away")));
  EXPECT_EQ(testing::slurp(folder / "shelf/index.json"), R"({"my": "data"})");
  fs::remove(folder / "shelf/index.json");
  EXPECT_EQ(run("models index shelf").code, 0);
  EXPECT_EQ(run("models index shelf").code, 0);  // its own is replaced

  // Without a folder of the user nothing is written into the installation.
  const ScopedVariable no_models("MONGE_MODELS", {}), no_cache("XDG_CACHE_HOME", {}), no_home("HOME", {});
  const auto homeless = run("models fetch greys --url file://" + (folder / "shelf").string());
  EXPECT_EQ(homeless.code, 2);
  EXPECT_THAT(homeless.err, AllOf(HasSubstr("HOME is not set"), HasSubstr("--models")));
}

TEST_F(CliModels, TextsOfStrangersStayInTheirLines) {
  ASSERT_EQ(run("export v --out shelf/odd.safetensors --set 'card.title=\"a\\u001b[31mb\\nfake  1.0 MB  CC0-1.0\"' "
                "--set 'card.description=" +
                std::string(120, 'x') + " \xc3\xa9 end'")
                .code,
            0);
  const auto listed = run("models list").out;
  EXPECT_THAT(listed, AllOf(HasSubstr("a\\x1b[31mb fake"), Not(HasSubstr("\x1b")), Not(HasSubstr("\nfake"))));
  const auto shown = run("models show odd").out;
  EXPECT_THAT(shown, AllOf(HasSubstr("title          a\\x1b[31mb fake"),
                           HasSubstr(std::string(20, 'x') + " \xc3\xa9 end"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(run("export v --out x.safetensors --set card.title=" + std::string(10'001, 'x')).err,
              HasSubstr("card.title: a text of 10001 bytes"));
  EXPECT_THAT(run("export v --out x.safetensors --set name=../x").err, HasSubstr("not the name of a model"));
}

TEST_F(CliModels, TheSizeOfTheRecipeIsTheDefault) {
  ASSERT_EQ(run("export p --out sized.safetensors --set output.size=keep").code, 0);
  ASSERT_EQ(run("export p --out train.safetensors --set output.size=train").code, 0);
  const auto size_of = [&](const std::string& model) {
    const auto done = run("translate " + model + " images/0.png " + model + ".png");
    EXPECT_EQ(done.code, 0) << done.err;
    return io::read_image(folder / (model + ".png")).sizes().vec();
  };
  EXPECT_EQ(size_of("sized.safetensors"), (std::vector<int64_t>{20, 24, 3}));
  EXPECT_EQ(size_of("train.safetensors"), (std::vector<int64_t>{16, 16, 3}));
  // A larger image keeps its size, also by the recipe's default; a small one gets what it gets at the training's size.
  ASSERT_EQ(run("export p --out rest.safetensors --set output.size=residual").code, 0);
  EXPECT_EQ(size_of("rest.safetensors"), (std::vector<int64_t>{20, 24, 3}));
  ASSERT_EQ(run("translate p images/0.png given.png --size residual").code, 0);
  EXPECT_EQ(testing::slurp(folder / "given.png"), testing::slurp(folder / "rest.safetensors.png"));
  ASSERT_EQ(run("translate rest.safetensors train.safetensors.png same.png").code, 0);
  ASSERT_EQ(run("translate p train.safetensors.png by-train.png --size train").code, 0);
  EXPECT_EQ(testing::slurp(folder / "same.png"), testing::slurp(folder / "by-train.png"));
  EXPECT_EQ(run("translate p images many --size residual --samples 3").code, 0);
  EXPECT_EQ(io::read_image(folder / "many/0_1.png").size(1), 24);
  io::write_image(folder / "tiny.png", torch::zeros({1, 1, 3}, torch::kUInt8));
  EXPECT_EQ(run("translate p tiny.png tiny-out.png --size residual --grid grid.png").code, 0);
  EXPECT_THAT(run("translate v v.toml x.csv --size residual").err, HasSubstr("this map takes vectors"));
  EXPECT_THAT(run("export p --out x.safetensors --set output.size=huge").err,
              AllOf(HasSubstr("output.size"), HasSubstr("WIDTHxHEIGHT")));
  EXPECT_THAT(run("train v.toml --set output.size=keep").err, HasSubstr("these are vectors"));
}

}  // namespace
}  // namespace monge
