// SOAP: Adam in the eigenbases of the gradients' covariances.
#include "monge/solve/gradient_basis.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/core/random.h"
#include "monge/solve/optimiser.h"

namespace monge::solve {
namespace {

torch::Tensor drawn(const std::vector<int64_t>& shape, int64_t step) {
  return torch::randn(shape, RandomStreams(8).at("basis", step)).to(torch::kFloat64);
}

/// A net of a matrix, a convolution, a wide matrix with one side that is not rotated, and a vector.
NamedTensors net_weights() {
  return {{"matrix", drawn({6, 4}, 0).requires_grad_(true)},
          {"convolution", drawn({5, 2, 3, 3}, 1).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(true)},
          {"wide", drawn({3, 1100}, 2).requires_grad_(true)},
          {"row", drawn({1, 7}, 3).requires_grad_(true)},
          {"vector", drawn({7}, 4).requires_grad_(true)}};
}

void set_gradients(Adam& adam, int64_t step) {
  adam.zero_grad();
  int64_t i = 0;
  // Gradients of unlike directions, so that the covariances are far from multiples of the identity.
  for (const auto& parameter : adam.parameters()) {
    auto gradient = drawn(parameter.sizes().vec(), 100 + 10 * step + i++);
    std::vector<int64_t> by_row(static_cast<size_t>(gradient.dim()), 1);
    by_row[0] = -1;
    gradient = gradient * torch::arange(1.0, static_cast<double>(gradient.size(0)) + 1, torch::kFloat64).view(by_row);
    parameter.grad().copy_(gradient);
  }
}

/// The algorithm of the paper for one matrix, with the first moment kept outside the basis.
struct Reference {
  torch::Tensor weight, moment, square, left, right, u, v;
  double b1 = 0.9, b2 = 0.95, b = 0.8, rate = 0.01;
  int64_t step = 0;

  explicit Reference(const torch::Tensor& start)
      : weight(start.detach().clone()),
        moment(torch::zeros_like(weight)),
        square(torch::zeros_like(weight)),
        left(torch::zeros({weight.size(0), weight.size(0)}, torch::kFloat64)),
        right(torch::zeros({weight.size(1), weight.size(1)}, torch::kFloat64)),
        u(torch::eye(weight.size(0), torch::kFloat64)),
        v(torch::eye(weight.size(1), torch::kFloat64)) {}

  void update(const torch::Tensor& g) {
    ++step;
    left = b * left + (1 - b) * g.mm(g.t());
    right = b * right + (1 - b) * g.t().mm(g);
    moment = b1 * moment + (1 - b1) * g;
    square = b2 * square + (1 - b2) * u.t().mm(g).mm(v).square();
    const auto first = u.t().mm(moment).mm(v) / (1 - std::pow(b1, step));
    const auto second = square / (1 - std::pow(b2, step));
    weight = weight - rate * u.mm(first / (second.sqrt() + 1e-8)).mm(v.t());
  }

  static torch::Tensor turned(const torch::Tensor& covariance, torch::Tensor& basis) {
    const auto size = covariance.size(0);
    const auto ridged = covariance + 1e-6 * covariance.trace() / size * torch::eye(size, torch::kFloat64);
    const auto order = (basis * ridged.mm(basis)).sum(0).argsort(0, /*descending=*/true);
    basis = std::get<0>(torch::linalg_qr(ridged.mm(basis.index_select(1, order))));
    return order;
  }

  void refresh() {
    const auto rows = turned(left, u), columns = turned(right, v);
    square = square.index_select(0, rows).index_select(1, columns);
  }
};

TEST(GradientBasis, IsTheAlgorithmOfThePaper) {
  const auto named = net_weights();
  Adam adam(named, {.beta1 = 0.9, .beta2 = 0.95, .basis_decay = 0.8});
  Reference reference(named[0].second);
  for (int64_t k = 0; k < 24; ++k) {
    set_gradients(adam, k);
    const auto gradient = named[0].second.grad().clone();
    adam.step(0.01, torch::zeros({}, torch::kFloat64));
    reference.update(gradient);
    if ((k + 1) % 4 == 0) {
      adam.refresh_basis();
      reference.refresh();
    }
  }
  EXPECT_LT((named[0].second - reference.weight).abs().max().item<double>(), 1e-12);
  EXPECT_GT((named[0].second - drawn({6, 4}, 0)).abs().max().item<double>(), 0.01);
}

// Without a refresh the basis is the identity, and rows, columns and vectors have none.
TEST(GradientBasis, IsAdamBeforeTheFirstRefreshAndForVectors) {
  const auto a = net_weights(), b = net_weights();
  Adam soap(a, {.beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0.1, .clip = 3, .basis_decay = 0.9});
  Adam plain(b, {.beta1 = 0.5, .beta2 = 0.9, .weight_decay = 0.1, .clip = 3});
  for (int64_t k = 0; k < 12; ++k) {
    for (auto* adam : {&soap, &plain}) {
      set_gradients(*adam, k);
      adam->step(0.01, torch::zeros({}, torch::kFloat64));
    }
    if (k == 5) {
      for (size_t i = 0; i < a.size(); ++i)
        EXPECT_LT((a[i].second - b[i].second).abs().max().item<double>(), 1e-12) << a[i].first;
      soap.refresh_basis();
    }
  }
  for (size_t i = 0; i < a.size(); ++i) {
    const bool rotated = a[i].first != "row" && a[i].first != "vector";
    EXPECT_EQ((a[i].second - b[i].second).abs().max().item<double>() > 1e-6, rotated) << a[i].first;
  }
}

TEST(GradientBasis, ReachesTheEigenvectorsAndKeepsTheFirstMoment) {
  const auto named = net_weights();
  Adam adam(named, {.beta1 = 0.9, .beta2 = 0.95, .basis_decay = 0.9});
  for (int64_t k = 0; k < 10; ++k) {
    set_gradients(adam, k);
    adam.step(0.01, torch::zeros({}, torch::kFloat64));
  }
  const auto find = [&](const std::string& name) {
    for (const auto& [key, tensor] : adam.state()) {
      if (key == name) return tensor;
    }
    return torch::Tensor();
  };
  const auto before = find("exp_avg/matrix").clone();
  for (int64_t k = 0; k < 400; ++k) adam.refresh_basis();
  const auto u = find("basis_left/matrix"), v = find("basis_right/matrix");
  const auto diagonal = u.t().mm(find("covariance_left/matrix")).mm(u);
  EXPECT_LT((diagonal - torch::diag(diagonal.diagonal())).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE((diagonal.diagonal().diff() <= 1e-6).all().item<bool>());  // falling
  EXPECT_LT((u.mm(find("exp_avg/matrix")).mm(v.t()) - before).abs().max().item<double>(), 1e-11);
  EXPECT_FALSE(find("basis_right/wide").defined());  // 1,100 columns
  EXPECT_TRUE(find("basis_left/wide").defined());
  EXPECT_EQ(find("basis_right/convolution").size(0), 18);
  EXPECT_FALSE(find("basis_left/row").defined());
}

// On the host a blocked step returns early; with a loss scale it runs to its end, as on a device.
TEST(GradientBasis, DoesNotChangeWithABlockedStep) {
  for (const bool scaled : {false, true}) {
    const NamedTensors named{{"matrix", torch::ones({6, 4}).requires_grad_(true)}};
    Adam adam(named, {.beta1 = 0.9, .beta2 = 0.95, .scale_loss = scaled, .basis_decay = 0.9});
    const auto step = [&](double value) {
      adam.zero_grad();
      named[0].second.grad().copy_(drawn({6, 4}, 50));
      named[0].second.grad()[0][0] = value;
      return adam.step(0.01, torch::zeros({})).blocked.item<float>();
    };
    EXPECT_EQ(step(NAN), 1);
    adam.refresh_basis();  // without a covariance the basis stays orthonormal
    for (const auto& [name, tensor] : adam.state()) {
      if (name.starts_with("basis_"))
        EXPECT_LT((tensor.t().mm(tensor) - torch::eye(tensor.size(0))).abs().max().item<double>(), 1e-6) << name;
    }
    EXPECT_EQ(step(2), 0);
    adam.refresh_basis();
    NamedTensors before;
    for (const auto& [name, tensor] : adam.state()) before.emplace_back(name, tensor.clone());
    const auto weight = named[0].second.detach().clone();
    EXPECT_EQ(step(INFINITY), 1);
    EXPECT_TRUE(torch::equal(weight, named[0].second));
    const auto after = adam.state();
    for (size_t i = 0; i < after.size(); ++i) {
      if (after[i].first == "scale" || after[i].first == "growth") continue;  // those of the loss
      EXPECT_TRUE(torch::equal(before[i].second, after[i].second)) << after[i].first;
    }
  }
}

// min |A W B - C|^2 with matrices of condition 100 each in random axes: what the basis is for.
TEST(GradientBasis, SolvesABadlyConditionedProblemThatAdamDoesNot) {
  const auto stretched = [](int64_t step) {
    const auto [q, r] = torch::linalg_qr(drawn({16, 16}, step));
    return q.mm(torch::diag(torch::logspace(0, -2, 16, 10, torch::kFloat64)))
        .mm(std::get<0>(torch::linalg_qr(drawn({16, 16}, step + 1))));
  };
  const auto a = stretched(30), b = stretched(32), c = a.mm(drawn({16, 16}, 34)).mm(b);
  std::vector<double> ends;
  for (const bool soap : {false, true}) {
    const NamedTensors named{{"w", torch::zeros({16, 16}, torch::kFloat64).requires_grad_(true)}};
    AdamOptions options{.beta1 = 0.9, .beta2 = 0.95};
    if (soap) options.basis_decay = 0.95;
    Adam adam(named, options);
    double last = 0;
    for (int64_t k = 0; k < 1000; ++k) {
      adam.zero_grad();
      const auto loss = (a.mm(named[0].second).mm(b) - c).square().sum();
      loss.backward();
      last = loss.item<double>();
      adam.step(0.03 * (1 - static_cast<double>(k) / 1000), loss.detach());
      if ((k + 1) % 10 == 0) adam.refresh_basis();
    }
    ends.push_back(last);
  }
  EXPECT_LT(ends[1], ends[0] / 10) << ends[0] << ' ' << ends[1];
}

}  // namespace
}  // namespace monge::solve
