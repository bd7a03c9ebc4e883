#include "monge/eval/plan_score.h"

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/eval/frechet.h"

namespace monge::eval {

double plan_uvp(const data::EntropicMixture& plan, const torch::Tensor& x_ND, const torch::Tensor& y_NKD,
                double target_variance) {
  require(y_NKD.dim() == 3 && y_NKD.size(0) == x_ND.size(0) && y_NKD.size(2) == x_ND.size(1) && y_NKD.size(1) >= 2,
          "cBW2-UVP: expected outputs [", x_ND.size(0), ", K, ", x_ND.size(1), "] with K of 2 or more, got ",
          y_NKD.sizes());
  const auto at_x = plan.plan(x_ND);
  const auto mean_ND = at_x.mean();
  double sum = 0;
  for (int64_t i = 0; i < x_ND.size(0); ++i) {
    const auto weights = at_x.weights_NK[i], apart_KD = at_x.means_NKD[i] - mean_ND[i];
    const auto covariance = (weights.unsqueeze(1) * apart_KD).t().mm(apart_KD) +
                            torch::diag((weights.unsqueeze(1) * at_x.variances_KD).sum(0));
    const Moments truth{.count = 0, .mean_F = mean_ND[i], .covariance_FF = covariance};
    sum += frechet_distance(moments_of(y_NKD[i]), truth);
  }
  return 100 * sum / static_cast<double>(x_ND.size(0)) / target_variance;
}

double plan_uvp_floor(const data::EntropicMixture& plan, const torch::Tensor& x_ND, int64_t samples,
                      double target_variance) {
  const auto draws = plan.plan_draw(x_ND.repeat_interleave(samples, 0), RandomStreams(0).at("plan floor", 0));
  return plan_uvp(plan, x_ND, draws.view({x_ND.size(0), samples, x_ND.size(1)}), target_variance);
}

}  // namespace monge::eval
