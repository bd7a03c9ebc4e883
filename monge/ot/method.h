// A method of neural optimal transport: which cost, how many draws per input, and what the potential is shown.
//
// All methods share the semi-dual problem   sup_f inf_T  E_y f(y) + E_x [ C(x, T(x,.)) - E_z f(T(x,z)) ]   with f
// turned round in sign of its update: f is minimised on mean f(T(x)) - mean f(y), so it is low on the target.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/item_draws.h"
#include "monge/ot/host_or_device_scalar.h"
#include "monge/ot/sigma_law.h"
#include "monge/ot/smoothing.h"

namespace monge::ot {

/// The potential as a function: samples [B, ...] and, for conditional ones, sigma [B] (else undefined) to [B].
using Potential = std::function<torch::Tensor(const torch::Tensor& y, const torch::Tensor& sigma_B)>;

/// Everything the methods can be told; each reads its own part.
struct MethodOptions {
  double tau = 0.5;              ///< of c(x,y) = tau ||x-y||^2, > 0
  int64_t draws = 4;             ///< Z, outputs per input (weak, kernel), >= 2
  double gamma0 = 0.0;           ///< gamma at iteration 0 (weak, kernel), >= 0
  double gamma1 = 0.66;          ///< gamma from `gamma_iters` on
  int64_t gamma_iters = 500;     ///< outer iterations of the ramp
  SigmaLaw sigma{};              ///< noised
  std::string inner = "strong";  ///< otp: the method whose cost and potential it takes, any but otp
  SmoothingOptions smoothing{};  ///< otp
};

/// What the schedules of a method say of one outer iteration.
struct ScheduleValues {
  HostOrDeviceScalar gamma{};  ///< weight of the spread (weak, kernel)
  Smoothing smoothing{};       ///< of the source (otp)
};

class Method {
 public:
  virtual ~Method() = default;

  /// The schedules at an outer iteration (0-based).
  virtual ScheduleValues at(int64_t iteration) const;

  /// Outputs drawn per input in a map update (Z).
  virtual int64_t draws() const { return 1; }

  /// Whether the potential takes a noise level.
  virtual bool conditional() const { return false; }

  /// Transport cost of each input, [B].
  /// @param x  inputs [B, ...].  @param y  outputs [B, Z, ...].  @param values  the schedules, from `at`.
  virtual torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const = 0;

  /// Cost between single points, [B]; for terms that pair inputs with target samples. With Z = 1 `cost` is this.
  virtual torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const = 0;

  /// What is added to samples shaped like `y` [B, ...] before the potential sees them; undefined for most methods.
  virtual Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const;
};

/// Makes a method by name. @throws Error that lists the names and suggests the nearest; Error when an option is out of
/// range (Z < 2 for a method that needs the spread).
std::unique_ptr<Method> make_method(const std::string& name, const MethodOptions& options);

std::vector<std::string> method_names();

/// The parts of the map's loss, for the update (`loss`) and the record.
struct MapLoss {
  torch::Tensor loss;       ///< scalar, minimised over T
  torch::Tensor cost;       ///< scalar, mean transport cost, detached
  torch::Tensor potential;  ///< scalar, mean f(T(x)), detached
};

/// mean_b w_b ( C(x_b, y_b.) - mean_z f(y_bz + n_b, sigma_b) ), w = 1 and n = 0 without a perturbation.
/// @param y  outputs [B, Z, ...].
MapLoss map_loss(const Method& method, const Potential& f, const torch::Tensor& x, const torch::Tensor& y,
                 const Perturbation& perturbation, const ScheduleValues& values);

/// The parts of the potential's loss.
struct PotentialLoss {
  torch::Tensor loss;    ///< scalar, minimised over f
  torch::Tensor fake_B;  ///< f on outputs (perturbed if the method perturbs), with gradient
  torch::Tensor real_B;  ///< f on target samples
};

/// mean_b w_b ( f(T(x_b) + n_b, sigma_b) - f(y_b + n_b, sigma_b) ), from one batched call of f. The same noise on both
/// sides: the difference of two laws is what f must see.
/// @param fake  outputs [B, ...] without gradient.  @param real  target samples of the same shape.
PotentialLoss potential_loss(const Potential& f, const torch::Tensor& fake, const torch::Tensor& real,
                             const Perturbation& perturbation);

}  // namespace monge::ot
