#include "monge/session/plan_fit.h"

#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/data/parallel.h"
#include "monge/eval/discrete_ot.h"

namespace monge::session {
namespace {

/// The rows of set k.
torch::Tensor set_of(const torch::Tensor& rows, int64_t k, int64_t parts) { return rows.slice(0, k, {}, parts); }

}  // namespace

torch::Tensor partners_by_plan(const torch::Tensor& x, const torch::Tensor& y, int64_t parts, int64_t threads,
                               const std::atomic<bool>& stop) {
  require(x.size(0) % parts == 0 && y.size(0) % parts == 0, "partners_by_plan: ", x.size(0), " and ", y.size(0),
          " samples cannot be divided into ", parts, " sets");
  auto out = torch::zeros_like(x);
  const auto solve = [&](int64_t k) {
    if (stop) return;
    const auto from = set_of(x, k, parts), to = set_of(y, k, parts);
    const auto plan = eval::exact_plan(eval::squared_distances(from, to) / 2);
    const auto mass = plan.mass.unsqueeze(1);
    const auto sums = torch::zeros(from.sizes(), torch::kFloat64)
                          .index_add_(0, plan.i, mass * to.to(torch::kFloat64).index_select(0, plan.j));
    const auto weights = torch::zeros({from.size(0), 1}, torch::kFloat64).index_add_(0, plan.i, mass);
    set_of(out, k, parts).copy_(sums / weights);
  };
  data::for_each_parallel(parts, [&] { return solve; }, threads);
  return out;
}

void fit_to_pairs(nn::MapNet& map, const torch::Tensor& x, const torch::Tensor& y, const PlanFitOptions& options,
                  torch::Generator generator, const std::function<void(int64_t, int64_t)>& report,
                  const std::atomic<bool>& stop) {
  const int64_t rows = x.size(0), batch = std::min(rows, options.batch);
  torch::optim::Adam adam(map.parameters(), torch::optim::AdamOptions(options.rate));
  for (int64_t step = 0; step < options.steps && !stop; ++step) {
    const double phase = M_PI * static_cast<double>(step) / static_cast<double>(options.steps);
    static_cast<torch::optim::AdamOptions&>(adam.param_groups()[0].options())
        .lr(options.rate * (1 + std::cos(phase)) / 2);
    adam.zero_grad();
    const auto chosen = torch::randint(rows, {batch}, generator, torch::kInt64).to(x.device());
    torch::mse_loss(map.forward(x.index_select(0, chosen)), y.index_select(0, chosen)).backward();
    adam.step();
    if (report) report(step + 1, options.steps);
  }
}

}  // namespace monge::session
