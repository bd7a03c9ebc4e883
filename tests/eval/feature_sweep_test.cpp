#include "monge/eval/feature_sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using monge::testing::ScratchFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// A net that sees the mean of each channel, and the width.
class MeanColour : public FeatureNet {
 public:
  explicit MeanColour(std::string mode = "own", std::string hash = "0123")
      : mode_(std::move(mode)), hash_(std::move(hash)) {}
  std::string name() const override { return "mean-colour"; }
  std::string mode() const override { return mode_; }
  std::string hash() const override { return hash_; }
  int64_t dim() const override { return 4; }
  torch::Device device() const override { return torch::kCPU; }
  torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const override {
    std::vector<torch::Tensor> out;
    for (const auto& image : images_HWC) {
      out.push_back(torch::cat({image.to(torch::kFloat32).mean(std::vector<int64_t>{0, 1}),
                                torch::tensor({static_cast<float>(image.size(1))})}));
    }
    return torch::stack(out);
  }

 private:
  std::string mode_, hash_;
};

/// Twelve images of several sizes and kinds: RGB, grey, RGBA.
struct Folder {
  Folder() {
    for (int i = 0; i < 12; ++i) {
      const int channels = i % 3 == 0 ? 1 : i % 3 == 1 ? 3 : 4;
      io::write_image(scratch / (std::to_string(10 + i) + ".png"),
                      torch::full({8 + i, 9 + i, channels}, 20 * i, torch::kUInt8));
    }
  }
  ScratchFolder scratch;
};

TEST(FeatureSweep, TakesImagesOfAnySizeAndKindAndDoesNotDependOnTheBatch) {
  const Folder folder;
  const data::ImageSet set(folder.scratch.path());
  ASSERT_EQ(set.size(), 12);
  const MeanColour net;
  const auto whole = sweep_features(net, set, {.batch = 64, .keep_features = true});
  EXPECT_EQ(whole.statistics.moments.count, 12);
  const auto& features = whole.statistics.features_NF;
  EXPECT_EQ(features[3][0].item<float>(), 60);  // grey, repeated in all channels
  EXPECT_EQ(features[3][2].item<float>(), 60);
  EXPECT_EQ(features[4][3].item<float>(), 13);  // its own width
  EXPECT_NEAR(features[5][0].item<float>(), 255 - 155 * 100 / 255.0, 1) << "transparent grey over white";
  for (const int64_t batch : {1, 5}) {
    const auto again = sweep_features(net, set, {.batch = batch, .keep_features = true});
    EXPECT_TRUE(torch::equal(again.statistics.features_NF, features)) << batch;
    EXPECT_TRUE(torch::equal(again.statistics.moments.covariance_FF, whole.statistics.moments.covariance_FF)) << batch;
  }
  EXPECT_EQ(sweep_features(net, set, {.most = 7}).statistics.moments.count, 7);
}

TEST(FeatureSweep, ReadsArraysAsTheFilesTheyWereMadeOf) {
  const ScratchFolder scratch;
  const auto pixels = torch::randint(0, 256, {5, 3, 6, 7}, torch::kUInt8);
  io::write_npy(scratch / "bytes.npy", pixels);
  io::write_npy(scratch / "floats.npy", pixels.to(torch::kFloat32) / 127.5 - 1);
  const MeanColour net;
  const auto a = sweep_features(net, data::ImageSet(scratch / "bytes.npy"), {.keep_features = true});
  const auto b = sweep_features(net, data::ImageSet(scratch / "floats.npy"), {.keep_features = true});
  EXPECT_TRUE(torch::equal(a.statistics.features_NF, b.statistics.features_NF));
  EXPECT_NEAR(a.statistics.features_NF[2][1].item<double>(), pixels[2][1].to(torch::kFloat64).mean().item<double>(),
              1e-4);
  io::write_npy(scratch / "vectors.npy", torch::rand({5, 3}));
  EXPECT_THAT(message_of([&] { data::ImageSet set(scratch / "vectors.npy"); }), HasSubstr("holds no images"));
}

TEST(ImageSet, WarnsOfWhatItDoesNotSee) {
  const ScratchFolder scratch;
  io::write_image(scratch / "a.png", torch::zeros({8, 8, 3}, torch::kUInt8));
  std::ofstream(scratch / "b.gif") << "GIF89a";
  io::write_npy(scratch / "wide.npy", torch::rand({4, 3, 8, 8}) * 3 - 1.5);
  std::string logged;
  const LogSink log = [&logged](LogLevel, const std::string& line) { logged += line + "\n"; };
  EXPECT_EQ(data::ImageSet(scratch.path(), io::kWhite, log).size(), 1);
  EXPECT_THAT(logged, HasSubstr("1 images in unsupported formats"));
  data::ImageSet wide(scratch / "wide.npy", io::kWhite, log);
  EXPECT_THAT(logged, HasSubstr("lie outside [-1, 1] and are clamped"));
}

TEST(ImageSet, ReadsAnArchiveAsItsFolder) {
  const ScratchFolder scratch;
  const auto image = torch::randint(0, 256, {5, 6, 3}, torch::kUInt8);
  io::write_archive(scratch / "set.tar", {{"b/y.png", io::encode_png(image)},
                                          {"a.png", io::encode_png(torch::zeros({4, 4, 1}, torch::kUInt8))}});
  const data::ImageSet set(scratch / "set.tar");
  ASSERT_EQ(set.size(), 2);
  EXPECT_EQ(set.item_name(1), "b/y.png");
  const auto images = set.load(0, 2);
  EXPECT_TRUE(torch::equal(images[1].rgb_HWC, image));
  EXPECT_EQ(images[0].rgb_HWC.sizes(), torch::IntArrayRef({4, 4, 3}));
  EXPECT_THAT(message_of([&] { set.load(1, 3); }), HasSubstr("images 1 to 3 of 2"));
}

TEST(FeatureSweep, RefusesFloatsInTheOtherRange) {
  const ScratchFolder scratch;
  io::write_npy(scratch / "unit.npy", torch::rand({4, 3, 32, 32}));
  EXPECT_THAT(message_of([&] { data::ImageSet set(scratch / "unit.npy"); }),
              AllOf(HasSubstr("look as if they were in [0, 1]"), HasSubstr("2 v - 1")));
}

TEST(FeatureSweep, NamesAllBrokenImagesOrSkipsAndCountsThem) {
  const Folder folder;
  std::ofstream(folder.scratch / "11.png") << "no image";
  std::ofstream(folder.scratch / "20.png", std::ios::trunc);
  const data::ImageSet set(folder.scratch.path());
  const auto message = message_of([&] { sweep_features(MeanColour(), set, {.batch = 3}); });
  EXPECT_THAT(message, AllOf(HasSubstr("2 of 12 images cannot be used"), HasSubstr("11.png"), HasSubstr("20.png"),
                             HasSubstr("or skip them")));
  const auto sweep = sweep_features(MeanColour(), set, {.batch = 3, .skip_bad = true});
  EXPECT_EQ(sweep.skipped, 2);
  EXPECT_EQ(sweep.complaints.size(), 2u);
  EXPECT_EQ(sweep.statistics.moments.count, 10);
}

/// What each of `ranks` gets.
std::vector<Sweep> sweep_by(int64_t ranks, const data::ImageSet& set, const SweepOptions& options) {
  std::vector<Sweep> out(static_cast<size_t>(ranks));
  testing::run_ranks(ranks, [&](dist::ProcessGroup& group) {
    out[static_cast<size_t>(group.rank())] = sweep_features(MeanColour(), set, options, group);
  });
  return out;
}

TEST(FeatureSweep, OfSeveralRanksIsThatOfOne) {
  const Folder folder;
  const data::ImageSet set(folder.scratch.path());
  const auto whole = sweep_features(MeanColour(), set, {.keep_features = true});
  for (const int64_t ranks : {1, 2, 5, 14}) {  // of 14 two have no image
    int64_t reports = 0;
    for (const auto& sweep : sweep_by(ranks, set, {.batch = 2, .keep_features = true})) {
      EXPECT_EQ(sweep.statistics.moments.count, 12);
      EXPECT_TRUE(torch::equal(sweep.statistics.features_NF, whole.statistics.features_NF)) << ranks;
      EXPECT_TRUE(torch::allclose(sweep.statistics.moments.mean_F, whole.statistics.moments.mean_F, 1e-13, 0)) << ranks;
      EXPECT_TRUE(
          torch::allclose(sweep.statistics.moments.covariance_FF, whole.statistics.moments.covariance_FF, 1e-12, 1e-9))
          << ranks;
      ++reports;
    }
    EXPECT_EQ(reports, ranks);
    EXPECT_EQ(sweep_by(ranks, set, {.batch = 64, .most = 7})[0].statistics.moments.count, 7) << ranks;
  }
}

TEST(FeatureSweep, AllRanksKnowOfABrokenImage) {
  const Folder folder;
  std::ofstream(folder.scratch / "11.png") << "no image";
  std::ofstream(folder.scratch / "20.png", std::ios::trunc);
  const data::ImageSet set(folder.scratch.path());
  const auto alone = message_of([&] { sweep_features(MeanColour(), set, {.batch = 2}); });
  std::vector<std::string> messages(3);
  testing::run_ranks(3, [&](dist::ProcessGroup& group) {
    try {
      sweep_features(MeanColour(), set, {.batch = 2}, group);
    } catch (const dist::CommonError& error) {
      messages[static_cast<size_t>(group.rank())] = error.what();
    }
  });
  for (const auto& message : messages) EXPECT_EQ(message, alone);
  for (const auto& sweep : sweep_by(3, set, {.batch = 2, .skip_bad = true})) {
    EXPECT_EQ(sweep.skipped, 2);
    EXPECT_THAT(sweep.complaints, ::testing::ElementsAre(HasSubstr("11.png"), HasSubstr("20.png")));
    EXPECT_EQ(sweep.statistics.moments.count, 10);
  }
}

TEST(FeatureSweep, AStopOnOneRankStopsAll) {
  const Folder folder;
  const data::ImageSet set(folder.scratch.path());
  const std::atomic<bool> yes = true, no = false;
  std::atomic<int> incomplete = 0;
  testing::run_ranks(3, [&](dist::ProcessGroup& group) {
    const auto sweep = sweep_features(MeanColour(), set, {.batch = 1, .stop = group.rank() == 1 ? &yes : &no}, group);
    incomplete += !sweep.complete;
  });
  EXPECT_EQ(incomplete, 3);
}

TEST(FeatureSweep, NeedsTwoImagesAndStopsWhenToldTo) {
  const Folder folder;
  EXPECT_THAT(message_of([&] { sweep_features(MeanColour(), data::ImageSet(folder.scratch / "12.png"), {}); }),
              HasSubstr("1 image can be used; a covariance needs at least 2"));
  const std::atomic<bool> stop = true;
  EXPECT_FALSE(sweep_features(MeanColour(), data::ImageSet(folder.scratch.path()), {.stop = &stop}).complete);
}

TEST(FeatureStatistics, ComeBackFromTheirFile) {
  const Folder folder;
  const data::ImageSet set(folder.scratch.path());
  const auto kept = sweep_features(MeanColour(), set, {.keep_features = true}).statistics;
  const ScratchFolder out;
  write_statistics(out / "kept.safetensors", kept);
  const auto back = read_statistics(out / "kept.safetensors");
  EXPECT_EQ(back.protocol.net, "mean-colour");
  EXPECT_EQ(back.protocol.hash, "0123");
  EXPECT_EQ(back.moments.count, 12);
  EXPECT_TRUE(torch::equal(back.moments.covariance_FF, kept.moments.covariance_FF));
  EXPECT_TRUE(torch::equal(back.features_NF, kept.features_NF));
  EXPECT_NEAR(frechet_distance(kept, back), 0, 1e-6);
  EXPECT_EQ(frechet_name(back.protocol), "FD(mean-colour)") << "FID is the Inception net's alone";
  EXPECT_EQ(frechet_name({.net = "inception", .mode = "clean", .hash = ""}), "FID");
}

TEST(FeatureStatistics, OfOtherProtocolsDoNotCompare) {
  const Folder folder;
  const data::ImageSet set(folder.scratch.path());
  const auto of = [&](const char* mode, const char* hash) {
    return sweep_features(MeanColour(mode, hash), set, {}).statistics;
  };
  EXPECT_THAT(message_of([&] { frechet_distance(of("clean", "1"), of("legacy", "1")); }),
              AllOf(HasSubstr("different protocols"), HasSubstr("mean-colour (clean, weights 1)"),
                    HasSubstr("(legacy, weights 1)")));
  EXPECT_THAT(message_of([&] { frechet_distance(of("clean", "1"), of("clean", "2")); }),
              HasSubstr("different protocols"));
  EXPECT_THAT(message_of([&] { kernel_distance(of("clean", "1"), of("clean", "1")); }), HasSubstr("keep_features"));
}

TEST(FeatureStatistics, RefuseOtherFiles) {
  const ScratchFolder out;
  io::write_safetensors(out / "other.safetensors", {{{"mean", torch::zeros({2})}}, {}});
  EXPECT_THAT(message_of([&] { read_statistics(out / "other.safetensors"); }),
              AllOf(HasSubstr("holds no feature statistics"), HasSubstr("eval::write_statistics()")));
  // Whatever is changed in a file, its hash no longer fits.
  const Folder folder;
  write_statistics(out / "good.safetensors",
                   sweep_features(MeanColour(), data::ImageSet(folder.scratch.path()), {}).statistics);
  auto content = io::read_safetensors(out / "good.safetensors");
  content.tensors[0].second.flatten()[0] += 1e-3;
  io::write_safetensors(out / "flipped.safetensors", content);
  EXPECT_THAT(message_of([&] { read_statistics(out / "flipped.safetensors"); }), HasSubstr("is damaged"));
  content = io::read_safetensors(out / "good.safetensors");
  content.metadata["count"] = "12abc";
  io::write_safetensors(out / "count.safetensors", content);
  EXPECT_THAT(message_of([&] { read_statistics(out / "count.safetensors"); }), HasSubstr("are inconsistent"));
  write_statistics(out / "none.safetensors",
                   {.protocol = {"net", "clean", "1"},
                    .source = "none",
                    .moments = {4, torch::zeros({0}, torch::kFloat64), torch::zeros({0, 0}, torch::kFloat64)},
                    .features_NF = {}});
  EXPECT_THAT(message_of([&] { read_statistics(out / "none.safetensors"); }), HasSubstr("are inconsistent"));
}

TEST(FeatureStatistics, WarnOfFewerSamplesThanFeatures) {
  FeatureStatistics few{.protocol = {}, .source = "few", .moments = {100, torch::zeros({2048}), {}}, .features_NF = {}};
  EXPECT_THAT(few_features_warning(few),
              AllOf(HasSubstr("100 samples for 2048 features"), HasSubstr("eval::kernel_distance()")));
  few.moments.count = 5000;
  EXPECT_EQ(few_features_warning(few), "");
}

}  // namespace
}  // namespace monge::eval
