// Entropic plans in closed form (LightSB): a potential that is the logarithm of a Gaussian mixture, and its plan.
//
// The problem is entropic optimal transport with the cost 1/2 ||x - y||^2 and the weight eps of the entropy. Its plan
// has the conditional laws
//
//     pi(y|x) = exp(x'y / eps) v(y) / c(x),      c(x) = integral of exp(x'y / eps) v(y) dy
//
// and v minimises  E_P log c(x) - E_Q log v(y).  With a mixture  v(y) = sum_k a_k N(y | r_k, eps S_k),  all of these
// are closed forms:
//
//     c(x)    = sum_k a_k exp((x'S_k x + 2 r_k'x) / (2 eps))
//     pi(y|x) = sum_k w_k(x) N(y | r_k + S_k x, eps S_k),      w_k(x) = a_k exp((x'S_k x + 2 r_k'x) / (2 eps)) / c(x)
//
// S_k is diagonal. Source: Korotin, Gushchin, Burnaev, Light Schroedinger bridge, ICLR 2024.
//
// Precision. An exponent is a sum over D entries of values of the size x^2 / eps, and the exponents of c and v cancel:
// at eps = 0.01 and D = 64 they reach 1e4, where float32 resolves 1e-3, and the loss is a difference of two. So the
// exponents and all that is made of them are float64, whatever the type of the parameters; the results have the type of
// their arguments. These are products of [B, D] by [D, K]; nothing has the size [B, K, D] unless its comment says so.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/nn/module.h"

namespace monge::nn {

struct GaussianPlanOptions {
  int64_t dim = 2;          ///< D; 1..65536.
  int64_t components = 50;  ///< K; 1..65536.
  double epsilon = 1.0;     ///< weight of the entropy, in the square of the data's unit; > 0, finite.
};

/// The conditional laws of a plan at some inputs: mixtures of K Gaussians with diagonal covariances. All are float64.
struct ConditionalMixture {
  torch::Tensor log_weights_BK;  ///< log w_k(x); the weights of an input sum to 1
  torch::Tensor means_BKD;       ///< r_k + S_k x
  torch::Tensor variances_KD;    ///< eps S_k, the same for every input
};

/// The potential f(y) = eps log v(y), which is high on target samples, with the plan that belongs to it.
///
/// Keys: log_alpha [K], which is log a_k up to a constant that changes neither the plan nor the loss; r [K, D];
/// log_s [K, D], the logarithms of the diagonals of S_k.
class GaussianPlanPotential : public PotentialNet {
 public:
  /// Starts with a standard normal r, S = 1 and log_alpha = 0. @throws InputError for an option out of its range.
  explicit GaussianPlanPotential(const GaussianPlanOptions& options);

  /// Starts from samples. S_k is that of the entropic plan between Gaussians with the variances of source and target in
  /// each coordinate, and r_k such that this plan carries the expected source of the k-th target sample to that sample:
  ///
  ///     s = (sqrt(eps^2 + 4 p q) - eps) / (2 p),      r_k = y_k - s (E x + p s / q (y_k - E y)),      p = Var x, q =
  ///     Var y
  ///
  /// log_alpha makes the exponents of c of all components equal for the average input, that is at (E x, E x^2); with
  /// equal log_alpha and small eps a few components would take all inputs.
  /// @param x_ND  source samples, at least two.  @param y_MD  target samples in random order, at least K and two.
  /// @throws InputError for other shapes.
  void initialise(const torch::Tensor& x_ND, const torch::Tensor& y_MD);

  /// @param y  [B, D].
  /// @return   eps log v(y), [B].
  torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) override;

  /// log v(y), [B], float64.
  torch::Tensor log_v(const torch::Tensor& y_BD) const;

  /// log c(x), [B], float64.
  torch::Tensor log_c(const torch::Tensor& x_BD) const;

  /// The terms of the loss, log c(x_i) - log v(y_i): [B]. Their mean is minimised; it does not depend on how x and y
  /// are paired. The minimum is  KL(optimal plan || plan) + a constant.
  torch::Tensor loss(const torch::Tensor& x_BD, const torch::Tensor& y_BD) const;

  /// pi(.|x). Makes a [B, K, D].
  ConditionalMixture conditional(const torch::Tensor& x_BD) const;

  /// The barycentric projection E[y|x], [B, D].
  torch::Tensor conditional_mean(const torch::Tensor& x_BD) const;

  /// The transport cost of the plan, E[1/2 ||x - y||^2 | x], [B].
  torch::Tensor conditional_cost(const torch::Tensor& x_BD) const;

  /// log pi(y|x), [B].
  torch::Tensor log_density(const torch::Tensor& x_BD, const torch::Tensor& y_BD) const;

  /// One draw from pi(.|x) for each input, as a function of its noise: component k is the first whose cumulative weight
  /// exceeds Phi(u), and the draw is r_k + S_k x + sqrt(eps S_k) z. Has a gradient in x, r and log_s at a fixed
  /// component.
  /// @param z_BD  standard normal.  @param u_B  standard normal.
  /// @return      [B, D].
  torch::Tensor draw(const torch::Tensor& x_BD, const torch::Tensor& z_BD, const torch::Tensor& u_B) const;

  /// The drift of the Schroedinger bridge  dX = g(X, t) dt + sqrt(eps) dW, which carries P to Q as the plan does:
  ///
  ///     g(x, t) = sum_k p_k(x, t) (r_k + (S_k - 1) x) / d_k,      d_k = 1 - t + t S_k,
  ///     p_k proportional to  a_k exp(sum_d ((s - 1) x^2 + 2 r x - t r^2) / (2 eps d) - 1/2 log d)
  ///
  /// This is (E[X_1 | X_t = x] - x) / (1 - t) with the factor 1 - t cancelled, so it is finite on all of [0, 1].
  /// @return [B, D].  @throws InputError unless 0 <= t <= 1.
  torch::Tensor drift(const torch::Tensor& x_BD, double t) const;

  double epsilon() const { return options_.epsilon; }
  const GaussianPlanOptions& options() const { return options_; }

 private:
  /// log a_k + (x'S_k x + 2 r_k'x) / (2 eps), [B, K].
  torch::Tensor source_exponents(const torch::Tensor& x_BD) const;

  GaussianPlanOptions options_;
  torch::Tensor log_alpha_, r_, log_s_;
};

/// A point of the Brownian bridge from x to y, (1 - t) x + t y + sqrt(eps t (1 - t)) n: between draws of the plan it
/// has the law of the Schroedinger bridge at time t.
/// @param n  standard normal, like x.  @throws InputError unless 0 <= t <= 1.
torch::Tensor bridge_point(const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& n, double t,
                           double epsilon);

/// The stochastic map that draws from the plan of a potential. It has no parameters of its own beside those of the
/// potential, which it shares and registers under the key `potential`.
class GaussianPlanMap : public MapNet {
 public:
  explicit GaussianPlanMap(std::shared_ptr<GaussianPlanPotential> potential);

  /// @param input  [B, D + D + 1]: the sample x, D standard normals, and one more that chooses the component; see
  ///               GaussianPlanPotential::draw. Or [B, D]: the output is then E[y|x].
  /// @return       [B, D].
  torch::Tensor forward(const torch::Tensor& input) override;

  const std::shared_ptr<GaussianPlanPotential>& potential() const { return potential_; }

 private:
  std::shared_ptr<GaussianPlanPotential> potential_;
};

}  // namespace monge::nn
