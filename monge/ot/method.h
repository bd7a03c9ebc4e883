// A method of neural optimal transport: its cost, its number of samples per input, and the input of the potential.
//
// All methods share the semi-dual problem
//
//     sup_f inf_T  E_y f(y) + E_x [ C(x, T(x,.)) - E_z f(T(x,z)) ]
//
// The map is minimised on the second term and the potential on mean f(T(x)) - mean f(y), so f becomes high on target
// samples and low on outputs.
//
// Each method has its own file, with its options, and one row in the registry below.
#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/item_draws.h"
#include "monge/core/option_section.h"
#include "monge/core/registry.h"
#include "monge/ot/host_or_device_scalar.h"
#include "monge/ot/sigma_law.h"
#include "monge/ot/smoothing.h"

namespace monge::ot {

/// The potential as a function of samples [B, ...] and, if it is conditional, of sigma [B] (else undefined); gives [B].
using Potential = std::function<torch::Tensor(const torch::Tensor& y, const torch::Tensor& sigma_B)>;

/// The values of a method's schedules at one outer iteration.
struct ScheduleValues {
  HostOrDeviceScalar gamma{};  ///< weight of the spread (weak, kernel)
  Smoothing smoothing{};       ///< of the source (otp)
};

/// The noise that a stochastic map takes besides its input.
struct MapNoise {
  int64_t samples_per_input = 1;  ///< Z, in a map update
  int64_t channels = 0;           ///< extra channels (images) or entries (vectors); 0: the map is deterministic
  double std = 0.0;               ///< standard deviation
  bool vector = false;            ///< images: one draw per channel for the whole image, and not one for each pixel
  std::string section = {};       ///< the section with the keys z, z_channels and z_std; empty for a deterministic map
  bool optional = false;          ///< whether the net also takes inputs without noise, and then returns the plan's mean
};

/// How the noise level enters a potential f(y, sigma); see nn::NoiseEmbeddingOptions.
struct Conditioning {
  int64_t channels = 0;        ///< width of the embedding of sigma; 0: the potential is f(y)
  std::string embedding = {};  ///< "log" | "sigma" | "fourier"
  bool scale_input = false;    ///< y is multiplied by 1/sqrt(sigma^2 + sigma_data^2)
  double sigma_data = 0.5;     ///< standard deviation of the data
};

/// The transport cost of a plan that a method minimises.
enum class CostKind {
  squared,         ///< tau E ||x - y||^2
  weak_quadratic,  ///< the same minus gamma times the variance of the plan's conditional laws
  other,           ///< any other cost
};

/// The statistics of the source's samples from which the least noise level follows that they can resolve.
struct SampleResolution {
  double radius = 0;     ///< RMS distance from the mean
  double intrinsic = 0;  ///< intrinsic dimension
  int64_t count = 0;     ///< samples
  int64_t dim = 0;       ///< entries of a sample
  bool endless = false;  ///< the source is a distribution, and `count` the number of samples that a training draws
};

/// A configured method. It is cheap to make and checks nothing at construction, so that code can query it before the
/// data are known.
class Method {
 public:
  virtual ~Method() = default;

  /// @throws InputError for options that contradict one another, naming their keys.
  virtual void check() const {}

  /// @throws InputError when items [C, H, W] or [D] do not suit the options.
  virtual void check_items(at::IntArrayRef /*item_shape*/) const {}

  // The loss.

  /// The schedules at an outer iteration (0-based).
  virtual ScheduleValues at(int64_t iteration) const;

  /// Transport cost of each input, [B].
  /// @param x  inputs [B, ...].  @param y  outputs [B, Z, ...].  @param values  the schedules, from `at`.
  virtual torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const = 0;

  /// Cost between single points, [B]; for terms that pair inputs with target samples.
  virtual torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const = 0;

  /// Draws the perturbation of samples shaped like `y` [B, ...] before the potential; undefined for most methods.
  /// Called only if conditional().
  virtual Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const;

  // The requirements on the nets.

  /// The noise that the map takes; none by default.
  virtual MapNoise noise() const { return {}; }

  /// Whether the plan is a closed form of the potential, which alone is trained (nn::GaussianPlanPotential).
  virtual bool has_closed_form() const { return false; }

  /// How the potential takes a noise level; by default it does not.
  virtual Conditioning conditioning() const { return {}; }

  /// Samples per input in a map update (Z).
  int64_t samples_per_input() const { return noise().samples_per_input; }

  /// Whether the potential takes a noise level.
  bool conditional() const { return conditioning().channels > 0; }

  // Properties that a user of the map must know.

  /// Which of the costs above the method minimises.
  virtual CostKind cost_kind() const { return CostKind::other; }

  /// Whether the method smooths the source; a source without a density needs that.
  virtual bool smooths() const { return false; }

  /// Whether the map takes the source sample itself and not the smoothed one, of which it then knows the noise z alone.
  virtual bool hides_smoothing() const { return false; }

  /// The smoothing of the inputs when a map of `iteration` outer iterations is used: that of its last iteration, or
  /// none if the map does not take the smoothed input.
  /// @throws InputError if the noise level is left to the data and not yet resolved.
  Smoothing smoothing(int64_t iteration) const;

  /// The settings to change if a long training missed its target, as part of a sentence.
  virtual std::string advice_when_missed() const { return "method = \"otp\""; }

  // Options that depend on the run. These functions change the given sections; the method itself keeps its own options.

  /// The text option with the noise level, "auto" while it is left to the data; null for methods without one.
  virtual std::string* noise_level(OptionSections& /*sections*/) const { return nullptr; }

  /// Whether the noise level is left to the data.
  virtual bool level_is_open() const { return false; }

  /// Sets a noise level that is left to the data. @return a line that reports it to the user; empty if nothing was set.
  /// @throws InputError if no level follows from the samples.
  virtual std::string resolve(OptionSections& /*sections*/, const SampleResolution& /*samples*/) const { return {}; }

  /// Keeps the schedules that depend on the length of the run when it changes from `before` to `now` iterations.
  /// Changes no bit if the two are equal. @throws InputError if the run would be too short.
  virtual void keep_schedules(OptionSections& /*sections*/, int64_t /*before*/, int64_t /*now*/) const {}

  /// Switches random smoothing off, for measurements that need no noise level.
  virtual void drop_smoothing(OptionSections& /*sections*/) const {}
};

/// The options of all methods with their defaults, in the order of the registry.
OptionSections method_sections();

/// The arguments of a method's factory.
struct MethodSetting {
  double tau = 0.5;                             ///< in c(x,y) = tau ||x-y||^2; > 0
  int64_t entries = 1;                          ///< of an item
  int64_t iterations = 0;                       ///< outer iterations of the run, for schedules over its length
  OptionSections sections = method_sections();  ///< those of all methods
};

/// A row of the registry.
struct MethodEntry {
  std::string help;  ///< one line
  std::function<std::unique_ptr<Method>(const MethodSetting& setting)> make;
  std::optional<OptionSection> options{};  ///< with the defaults; unset for a method without options
};

/// The methods by name. A program may add its own before it makes a recipe; its section then joins recipes, help and
/// checks.
Registry<MethodEntry>& methods();

/// Makes a method by name. @throws InputError that lists the names and suggests the nearest.
std::unique_ptr<Method> make_method(const std::string& name, const MethodSetting& setting);

/// The names of all methods, sorted.
std::vector<std::string> method_names();

}  // namespace monge::ot
