#include "monge/eval/image_evaluator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/eval/frechet.h"
#include "monge/io/image.h"
#include "monge/io/safetensors.h"
#include "tests/support/support.h"
#include "tests/support/synthetic_lpips.h"

namespace monge::eval {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

/// A net that sees the mean of each channel, and counts the images it is shown.
class Means : public FeatureNet {
 public:
  explicit Means(std::string name) : name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::string mode() const override { return "own"; }
  std::string hash() const override { return "0123"; }
  int64_t dim() const override { return 3; }
  torch::Device device() const override { return torch::kCPU; }
  torch::Tensor features(const std::vector<torch::Tensor>& images_HWC) const override {
    std::vector<torch::Tensor> out;
    for (const auto& image : images_HWC) out.push_back(image.to(torch::kFloat32).mean(std::vector<int64_t>{0, 1}));
    seen += static_cast<int64_t>(images_HWC.size());
    return torch::stack(out);
  }
  mutable int64_t seen = 0;

 private:
  std::string name_;
};

torch::Tensor images(int64_t n, int64_t seed, double centre) {
  return (torch::rand({n, 3, 12, 12}, RandomStreams(static_cast<uint64_t>(seed)).at("pictures", 0)) * 0.4 + centre)
      .clamp(-1, 1);
}

double at(const NamedMetrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name << " is not there";
  return NAN;
}

torch::Tensor seen_by(const Means& net, const torch::Tensor& images) {
  std::vector<torch::Tensor> bytes;
  for (const auto& image : images.unbind()) bytes.push_back(io::from_float(image));
  return net.features(bytes);
}

TEST(ImageEvaluator, GivesTheDistancesOfTheSavedImagesAndTheirFloor) {
  const auto net = std::make_shared<Means>("means v2");
  ImageEvaluator evaluator(net, nullptr);
  const auto x = images(20, 1, -0.5), y = images(30, 2, 0.3), y_b = images(50, 3, 0.3);
  const auto output = images(20, 4, 0.1).unsqueeze(1);
  const auto metrics = evaluator.evaluate(x, output, y, y_b);
  const auto of = [&](const torch::Tensor& images) { return moments_of(seen_by(*net, images)); };
  EXPECT_NEAR(at(metrics, "fd_means_v2"), frechet_distance(of(output.select(1, 0)), of(y)), 1e-9);
  EXPECT_NEAR(at(metrics, "fd_means_v2_floor"), frechet_distance(of(y_b.slice(0, 0, 20)), of(y)), 1e-9)
      << "as many as there are outputs";
  EXPECT_NEAR(at(metrics, "kd_means_v2"), kernel_distance(seen_by(*net, output.select(1, 0)), seen_by(*net, y)).value,
              1e-9);
  EXPECT_GT(at(metrics, "fd_means_v2"), 10 * at(metrics, "fd_means_v2_floor"));
  EXPECT_EQ(metrics.size(), 5u) << "no LPIPS without its net";
}

TEST(ImageEvaluator, LooksAtTheTargetOnce) {
  const auto net = std::make_shared<Means>("means");
  ImageEvaluator evaluator(net, nullptr);
  const auto x = images(8, 1, -0.5), y = images(9, 2, 0.3), y_b = images(8, 3, 0.3);
  const auto first = evaluator.evaluate(x, x.unsqueeze(1), y, y_b);
  EXPECT_EQ(net->seen, 8 + 9 + 8);
  const auto again = evaluator.evaluate(x, x.unsqueeze(1), y, y_b);
  EXPECT_EQ(net->seen, 8 + 9 + 8 + 8) << "only the outputs are new";
  EXPECT_EQ(first, again);
  EXPECT_NE(at(evaluator.evaluate(x, x.unsqueeze(1), images(9, 7, 0.0), y_b), "fd_means"), at(first, "fd_means"))
      << "another target";
}

TEST(ImageEvaluator, TakesGreyImagesAndLeavesOutWhatIsNotFinite) {
  ImageEvaluator evaluator(std::make_shared<Means>("means"), nullptr);
  const auto grey = images(6, 1, 0).narrow(1, 0, 1);
  EXPECT_NEAR(at(evaluator.evaluate(grey, grey.unsqueeze(1), grey, {}), "fd_means"), 0, 1e-6);
  auto broken = grey.clone().unsqueeze(1);
  broken[0][0][0][0][0] = NAN;
  EXPECT_TRUE(evaluator.evaluate(grey, broken, grey, {}).empty());
}

TEST(ImageEvaluator, CallsNoOtherNetsFigureFid) {
  const Means impostor("inception");  // a file of that name, mode "own"
  EXPECT_EQ(frechet_key(impostor), "fd_inception");
  EXPECT_EQ(frechet_name(protocol_of(impostor)), "FD(inception)");
}

TEST(ImageEvaluator, KnowsItsProtocolAndWarnsOfFewSamples) {
  const ImageEvaluator evaluator(std::make_shared<Means>("means"), nullptr);
  const auto protocol = evaluator.protocol();
  ASSERT_EQ(protocol.size(), 3u);
  EXPECT_EQ(protocol[0], (std::pair<std::string, std::string>{"features", "means"}));
  EXPECT_EQ(protocol[2].second, "0123");
  EXPECT_THAT(evaluator.few_samples_warning(3, 100),
              HasSubstr("fd_means uses 3 outputs and 100 target samples for 3 features"));
  EXPECT_EQ(evaluator.few_samples_warning(4, 100), "");
  EXPECT_EQ(ImageEvaluator(nullptr, nullptr).few_samples_warning(2, 2), "");
}

TEST(ImageEvaluator, NetsThatAreNotThereAreNamed) {
  EXPECT_THAT(message_of([] { open_features("nowhere.ts", "clean", "", torch::kCPU); }),
              HasSubstr("no such feature net"));
  const monge::testing::ScratchFolder empty;
  EXPECT_THAT(message_of([&] { open_features("inception", "clean", empty.path().string(), torch::kCPU); }),
              HasSubstr("eval::fetch_weights() inception"));
  EXPECT_THAT(message_of([&] { open_lpips("alexx", empty.path().string(), torch::kCPU); }), HasSubstr("alex"));
}

TEST(ImageEvaluator, MeasuresChangeAndDiversityByLpips) {
  const auto folder = monge::testing::fixtures_folder() / "features";
  const auto file = io::read_safetensors(folder / "images.safetensors");
  const auto image = [&](const char* name) { return io::to_float(file.at(name, "images")).unsqueeze(0); };
  const auto ref = image("lpips/ref"), p0 = image("lpips/p0"), p1 = image("lpips/p1");
  ImageEvaluator evaluator(nullptr, monge::testing::synthetic_lpips(LpipsNet::alex));
  const auto metrics = evaluator.evaluate(ref, torch::stack({p0, p1}, 1), ref, {});
  const auto goldens = io::read_safetensors(folder / "lpips.safetensors");
  const auto golden = goldens.at("alex/by_layer", "lpips").sum(1);  // d(ref, p0), d(ref, p1), d(p0, p1)
  EXPECT_NEAR(at(metrics, "lpips"), (golden[0] + golden[1]).item<double>() / 2, 1e-5);
  EXPECT_NEAR(at(metrics, "lpips_diversity"), golden[2].item<double>(), 1e-5);
}

TEST(ImageJudgeFixture, MeasuresChangeAndDiversityByLpips) {
  MONGE_NEEDS_SHARED("weights/alex.pth");
  const auto lpips = open_lpips("alex", (monge::testing::shared_folder() / "weights").string(), torch::kCPU);
  ImageEvaluator evaluator(nullptr, lpips);
  const auto image = [](const char* name) {
    return io::to_float(
               io::read_image(monge::testing::shared_folder() / "fixtures/lpips" / (std::string(name) + ".png")))
        .unsqueeze(0);
  };
  const auto ref = image("ex_ref"), p0 = image("ex_p0"), p1 = image("ex_p1");
  const auto metrics = evaluator.evaluate(ref, torch::stack({p0, p1}, 1), ref, {});
  EXPECT_NEAR(at(metrics, "lpips"), (0.7218808 + 0.1375656) / 2, 1e-5);  // of fixtures/lpips/golden.json
  EXPECT_NEAR(at(metrics, "lpips_diversity"), 0.7196577, 1e-5);
  EXPECT_GT(at(metrics, "ssim"), 0);
}

}  // namespace
}  // namespace monge::eval
