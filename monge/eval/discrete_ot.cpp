#include "monge/eval/discrete_ot.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "monge/core/error.h"
#include "monge/eval/bipartite_graph.h"
#include "monge/eval/distances.h"
// After the graph, which says how LEMON is to be used.
#include <lemon/network_simplex.h>

namespace monge::eval {
namespace {

constexpr int kCostBits = 44;  // potentials reach 2^62 + 2^13 paths of such costs and must stay below 2^63
constexpr int kWeightBits = 50;

torch::Tensor wide(const torch::Tensor& t) { return t.detach().to(torch::kCPU, torch::kFloat64).contiguous(); }

void check_size(const char* which, int64_t points) {
  require(points >= 1 && points <= kMostPlanPoints, "exact plan: ", points, " ", which, " points (allowed: 1 to ",
          kMostPlanPoints, "); use a random subset of them");
}

/// Weights as whole numbers with the sum `total`. Each is off by less than one unit, and 0 remains 0.
std::vector<int64_t> whole_masses(const char* which, const torch::Tensor& weights, int64_t points, int64_t total) {
  if (!weights.defined()) {
    // Exact if `points` divides `total`; otherwise rounded like given weights.
    std::vector<int64_t> out(static_cast<size_t>(points));
    for (int64_t i = 0; i < points; ++i) out[static_cast<size_t>(i)] = total * (i + 1) / points - total * i / points;
    return out;
  }
  require(weights.dim() == 1 && weights.size(0) == points, "exact plan: the ", which, " weights must be [", points,
          "]; got ", weights.sizes());
  const auto cumulative = wide(weights).cumsum(0);
  const double sum = cumulative[-1].item<double>();
  require(std::isfinite(sum) && weights.min().item<double>() >= 0, "exact plan: the ", which,
          " weights must be finite and 0 or more");
  require(std::abs(sum - 1) <= 1e-5, "exact plan: the ", which, " weights have the sum ", sum,
          " (allowed: 1); divide them by their sum");
  std::vector<int64_t> out;
  int64_t before = 0;
  for (int64_t i = 0; i < points; ++i) {
    const int64_t upto = std::llround(cumulative.data_ptr<double>()[i] / sum * static_cast<double>(total));
    out.push_back(upto - before);
    before = upto;
  }
  return out;
}

/// Functions of arcs and nodes as LEMON reads them.
template <class Item, class Function>
struct Map {
  using Key = Item;
  using Value = int64_t;
  Function function;
  Value operator[](Item item) const { return function(BipartiteGraph::id(item)); }
};

template <class Item, class Function>
Map<Item, Function> map_of(Function function) {
  return {function};
}

}  // namespace

DiscretePlan exact_plan(const torch::Tensor& cost_NM, const torch::Tensor& weights_N, const torch::Tensor& weights_M) {
  require(cost_NM.dim() == 2, "exact plan: the costs must be [N, M]; got ", cost_NM.sizes());
  const int64_t n = cost_NM.size(0), m = cost_NM.size(1);
  check_size("source", n);
  check_size("target", m);
  const auto costs = wide(cost_NM);
  const double largest = costs.abs().max().item<double>();
  require(std::isfinite(largest), "exact plan: some costs are not finite");

  const bool uniform = !weights_N.defined() && !weights_M.defined();
  const int64_t total = uniform ? std::lcm(n, m) : int64_t{1} << kWeightBits;
  const auto supplies = whole_masses("source", weights_N, n, total);
  const auto demands = whole_masses("target", weights_M, m, total);
  const double unit = largest > 0 ? std::ldexp(largest, -kCostBits) : 1;
  const double* cost = costs.data_ptr<double>();

  using Simplex = lemon::NetworkSimplex<BipartiteGraph, int64_t, int64_t>;
  const BipartiteGraph graph(static_cast<int>(n), static_cast<int>(m));
  // With arcs in their order a block of the search is about one row; this was up to twice as fast as a mixed order.
  Simplex simplex(graph, /*arc_mixing=*/false);
  simplex.costMap(map_of<BipartiteGraph::Arc>([&](int arc) -> int64_t { return std::llround(cost[arc] / unit); }));
  simplex.supplyMap(map_of<BipartiteGraph::Node>([&](int node) -> int64_t {
    return node < n ? supplies[static_cast<size_t>(node)] : -demands[static_cast<size_t>(node - n)];
  }));
  require(simplex.run(Simplex::BLOCK_SEARCH) == Simplex::OPTIMAL, "exact plan: the network simplex found no plan");

  std::vector<int64_t> is, js;
  std::vector<double> masses;
  DiscretePlan plan;
  for (int64_t arc = 0; arc < n * m; ++arc) {
    const int64_t flow = simplex.flow(BipartiteGraph::arcFromId(static_cast<int>(arc)));
    if (flow == 0) continue;
    is.push_back(arc / m);
    js.push_back(arc % m);
    masses.push_back(static_cast<double>(flow) / static_cast<double>(total));
    plan.cost += masses.back() * cost[arc];
  }
  std::vector<double> potentials;  // LEMON's p has cost + p_source - p_target >= 0
  const int64_t base = simplex.potential(BipartiteGraph::nodeFromId(0));
  for (int node = 0; node < n + m; ++node) {
    const int64_t p = simplex.potential(BipartiteGraph::nodeFromId(node)) - base;
    potentials.push_back(static_cast<double>(node < n ? -p : p) * unit);
  }
  const auto all = torch::tensor(potentials, torch::kFloat64);
  plan.i = torch::tensor(is, torch::kInt64);
  plan.j = torch::tensor(js, torch::kInt64);
  plan.mass = torch::tensor(masses, torch::kFloat64);
  plan.u_N = all.narrow(0, 0, n).clone();
  plan.v_M = all.narrow(0, n, m).clone();
  return plan;
}

torch::Tensor squared_distances(const torch::Tensor& a, const torch::Tensor& b) {
  check_same_kind("squared distances", a, b);
  return distances(wide(a).flatten(1), wide(b).flatten(1)).square_();
}

double exact_w2_squared(const torch::Tensor& a, const torch::Tensor& b) {
  check_same_kind("squared distances", a, b);
  check_size("source", a.size(0));  // before N M distances are made
  check_size("target", b.size(0));
  return exact_plan(squared_distances(a, b)).cost;
}

}  // namespace monge::eval
