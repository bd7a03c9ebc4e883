#include "monge/data/w2_benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/random.h"
#include "monge/data/open.h"
#include "monge/io/safetensors.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using monge::testing::ScratchFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;

torch::Generator stream(int64_t step) { return RandomStreams(13).at("w2", step); }

/// A small pair of random weights, of different widths so that no two sizes can be mistaken for each other.
io::TensorFile small_pair(int64_t D = 2) {
  const auto generator = stream(100);
  const auto normal = [&](const std::vector<int64_t>& shape) { return torch::randn(shape, generator) * 0.5; };
  const std::vector<int64_t> h = {7, 5, 4};
  io::TensorFile file;
  const auto put = [&](const std::string& name, const torch::Tensor& t) { file.tensors.emplace_back(name, t); };
  put("dim", torch::tensor({D}));
  put("centers", normal({3, D}) * 4);
  put("maps", normal({3, D, D}));
  put("std", torch::tensor({0.4f}));
  put("scale", torch::tensor({0.3f}));
  put("shift", normal({D}));
  put("out_var", torch::tensor({2.5}, torch::kFloat64));
  put("linear/weight", normal({D, D}).to(torch::kFloat64));
  put("linear/bias", normal({D}).to(torch::kFloat64));
  for (const std::string v : {"v1/", "v2/"}) {
    for (size_t k = 0; k < 3; ++k) {
      const auto layer = v + "quadratic_layers." + std::to_string(k) + ".";
      put(layer + "quadratic_decomposed", normal({D, 1, h[k]}));
      put(layer + "weight", normal({h[k], D}));
      put(layer + "bias", normal({h[k]}));
    }
    put(v + "convex_layers.0.weight", normal({h[1], h[0]}).abs());
    put(v + "convex_layers.1.weight", normal({h[2], h[1]}).abs());
    put(v + "final_layer.weight", normal({1, h[2]}).abs());
  }
  return file;
}

std::shared_ptr<const W2Benchmark> load(const ScratchFolder& folder, const io::TensorFile& content) {
  io::write_safetensors(folder / "pair.safetensors", content);
  return W2Benchmark::load(folder / "pair.safetensors");
}

TEST(SmallPair, MapIsTheGradientOfItsPotentials) {
  const ScratchFolder folder;
  const auto file = small_pair();
  const auto pair = load(folder, file);
  ASSERT_EQ(pair->dim(), 2);
  EXPECT_DOUBLE_EQ(pair->out_var(), 2.5);
  const auto x = torch::randn({50, 2}, stream(1), torch::kFloat64);
  const double step = 1e-5;  // central differences are off by step^2 and by 1e-16 / step
  auto gradient = torch::empty_like(x);
  for (int64_t d = 0; d < 2; ++d) {
    auto up = x.clone(), down = x.clone();
    up.select(1, d) += step;
    down.select(1, d) -= step;
    gradient.select(1, d).copy_((pair->potentials(up) - pair->potentials(down)).sum(0) / (2 * step));
  }
  const auto expected = (gradient + *file.find("shift")) * static_cast<double>(0.3f);
  EXPECT_LT(relative_error(pair->map(x), expected), 1e-8);
  const auto single = pair->map(x.to(torch::kFloat32));
  EXPECT_EQ(single.scalar_type(), torch::kFloat32);
  EXPECT_LT(relative_error(single, expected), 1e-5);
}

TEST(SmallPair, MapIsMonotone) {
  const ScratchFolder folder;
  const auto pair = load(folder, small_pair(5));
  const auto x = torch::randn({300, 5}, stream(2), torch::kFloat64) * 3;
  const auto a = x.slice(0, 0, 150), b = x.slice(0, 150);
  EXPECT_GT(((pair->map(a) - pair->map(b)) * (a - b)).sum(1).min().item<double>(), 0);
}

TEST(SmallPair, DrawsItsMixture) {
  const ScratchFolder folder;
  auto file = small_pair();
  for (auto& [name, tensor] : file.tensors) {
    if (name == "std") tensor = torch::zeros({1});
  }
  const auto& centres = *file.find("centers");
  const auto x = load(folder, file)->draw(9000, stream(3));
  const auto nearest = torch::cdist(x, centres).min(1);
  EXPECT_LT(std::get<0>(nearest).max().item<double>(), 1e-5);
  const auto counts = torch::bincount(std::get<1>(nearest)).to(torch::kFloat64);
  EXPECT_LE((counts / 9000 - 1.0 / 3).abs().max().item<double>(), 0.025);  // five standard errors
  // One component alone: its covariance is std^2 M M'.
  for (auto& [name, tensor] : file.tensors) {
    if (name == "std") tensor = torch::full({1}, 0.4f);
    if (name == "maps") tensor = tensor.slice(0, 1, 2).repeat({3, 1, 1});
    if (name == "centers") tensor = torch::zeros_like(tensor);
  }
  const auto M = file.find("maps")->select(0, 0);
  const auto one = load(folder, file)->draw(100'000, stream(4));
  EXPECT_LT(relative_error(torch::cov(one.t()), 0.16 * torch::matmul(M, M.t())), 0.025);
}

TEST(SmallPair, IsTwoSourcesOfARecipe) {
  const ScratchFolder folder;
  const auto pair = load(folder, small_pair(3));
  const auto line = "w2bench:" + (folder / "pair.safetensors").string();
  const auto source = open_source({.path = line}), target = open_source({.path = line + "?side=target"});
  for (const auto& side : {source, target}) {
    EXPECT_TRUE(side->endless());
    EXPECT_EQ(side->item_shape(), std::vector<int64_t>{3});
    EXPECT_EQ(side->draw(4, stream(5)).scalar_type(), torch::kFloat32);
    EXPECT_THAT(message_of([&] { side->items({0}); }), HasSubstr("endless"));
  }
  EXPECT_EQ(target->name(), line + "?side=target");
  const auto x = source->draw(100, stream(6));
  EXPECT_TRUE(torch::equal(x, pair->draw(100, stream(6))));
  EXPECT_TRUE(torch::equal(target->draw(100, stream(6)), pair->map(x)));
  EXPECT_THAT(message_of([&] { open_source({.path = line + "?side=left"}); }),
              AllOf(HasSubstr("\"left\""), HasSubstr("source, target")));
  EXPECT_THAT(message_of([&] { open_source({.path = line + "?sid=target"}); }), HasSubstr("did you mean \"side\""));
  EXPECT_THAT(message_of([] { open_source({.path = "w2bench:?side=source"}); }), HasSubstr("names no file"));
  EXPECT_THAT(message_of([] { open_source({.path = "w2bench:none.safetensors"}); }), HasSubstr("none.safetensors"));
}

TEST(SmallPair, NamesTheTensorThatDoesNotFit) {
  const ScratchFolder folder;
  const auto message = [&](const std::string& name, const torch::Tensor& instead) {
    auto file = small_pair();
    std::erase_if(file.tensors, [&](const auto& entry) { return entry.first == name; });
    if (instead.defined()) file.tensors.emplace_back(name, instead);
    return message_of([&] { load(folder, file); });
  };
  for (const auto& [name, tensor] : small_pair().tensors) {
    if (name == "dim") continue;  // told by the other shapes
    EXPECT_THAT(message(name, {}), AllOf(HasSubstr("pair.safetensors: " + name), HasSubstr("missing")));
    EXPECT_THAT(message(name, tensor.unsqueeze(0)),
                AllOf(HasSubstr("pair.safetensors: "), HasSubstr("another shape or type")));
    EXPECT_THAT(message(name, tensor * NAN), AllOf(HasSubstr("pair.safetensors: " + name), HasSubstr("not finite")));
  }
  EXPECT_THAT(message("maps", torch::zeros({3, 2, 4})),
              AllOf(HasSubstr("maps"), HasSubstr("[3, 2, 4]"), HasSubstr("floats of shape [3, 2, 2]")));
  EXPECT_THAT(message("shift", torch::zeros({2, 1})), HasSubstr("floats of shape [any]"));
  EXPECT_THAT(message("shift", torch::zeros({0})), HasSubstr("floats of shape [any]"));
  EXPECT_THAT(message("out_var", torch::ones({1}, torch::kInt64)), AllOf(HasSubstr("out_var"), HasSubstr("int64 [1]")));
  const auto pair = load(folder, small_pair());
  EXPECT_THAT(message_of([&] { pair->map(torch::zeros({4, 3})); }),
              AllOf(HasSubstr("pair.safetensors"), HasSubstr("[N, 2]"), HasSubstr("[4, 3]")));
  EXPECT_THAT(message_of([&] { pair->potentials(torch::zeros({4, 2}, torch::kInt64)); }), HasSubstr("int64 [4, 2]"));
}

class W2BenchmarkFile : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const auto name = std::to_string(GetParam()) + ".safetensors";
    path_ = monge::testing::fixtures_folder() / "w2bench" / name;  // of make_w2bench.py there
    if (!std::filesystem::exists(path_)) {
      MONGE_NEEDS_SHARED("fixtures/w2bench");
      path_ = monge::testing::shared_folder() / "fixtures/w2bench" / name;
    }
    file_ = io::read_safetensors(path_);
    pair_ = W2Benchmark::load(path_);
  }
  const torch::Tensor& stored(const char* name) const { return file_.at(name, path_.string()); }

  std::filesystem::path path_;
  io::TensorFile file_;
  std::shared_ptr<const W2Benchmark> pair_;
};

TEST_P(W2BenchmarkFile, GivesTheStoredMapAndPotentials) {
  ASSERT_EQ(pair_->dim(), GetParam());
  const auto x = stored("X"), wide = x.to(torch::kFloat64);
  EXPECT_LT(relative_error(pair_->map(x), stored("Y")), 1e-5);
  // Two ways to the same float64 numbers.
  EXPECT_LT(relative_error(pair_->map(wide.slice(0, 0, 64)), stored("Y_check_float64_first64")), 1e-12);
  EXPECT_LT(relative_error(pair_->potentials(wide.slice(0, 0, 8)), stored("psi_first8_float64")), 1e-12);
  EXPECT_DOUBLE_EQ(pair_->out_var(), stored("out_var").item<double>());
  const auto linear = torch::matmul(wide, stored("linear/weight").t()) + stored("linear/bias");
  EXPECT_LT(relative_error(pair_->linear(wide), linear), 1e-14);
  EXPECT_EQ(pair_->linear(x).scalar_type(), torch::kFloat32);
}

TEST_P(W2BenchmarkFile, DrawsLawsOfTheStoredMoments) {
  const int64_t n = 1 << 16;
  const auto x = pair_->draw(n, stream(7)).to(torch::kFloat64), y = pair_->map(x);
  const auto variance = [](const torch::Tensor& points) { return points.var(0).sum().item<double>(); };
  // The stored figures are of as many other samples, with about 0.5 % of noise in the worst case (README).
  EXPECT_NEAR(variance(x) / stored("in_var").item<double>(), 1, 0.02);
  EXPECT_NEAR(variance(y) / pair_->out_var(), 1, 0.02);
  EXPECT_NEAR(0.5 * (x - y).square().sum(1).mean().item<double>() / stored("cost").item<double>(), 1, 0.02);
  const double per_entry = std::sqrt(pair_->out_var() / static_cast<double>(GetParam()));
  EXPECT_LT((y.mean(0) - stored("out_mean")).abs().max().item<double>(), 0.04 * per_entry);  // standard error 0.0055
}

// Not under the name W2Bench, under which cases may be skipped.
INSTANTIATE_TEST_SUITE_P(Committed, W2BenchmarkFile, ::testing::Values(3), ::testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(W2Bench, W2BenchmarkFile, ::testing::Values(2, 16, 64), ::testing::PrintToStringParamName());

}  // namespace
}  // namespace monge::data
