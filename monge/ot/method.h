// A method of neural optimal transport: which cost, how many samples per input, and what the potential is shown.
//
// All methods share the semi-dual problem   sup_f inf_T  E_y f(y) + E_x [ C(x, T(x,.)) - E_z f(T(x,z)) ].   The map is
// minimised on the second term and the potential on mean f(T(x)) - mean f(y), so f becomes high on target samples and
// low on outputs.
//
// A method lives in a file of its own, with its options, and is one row of the registry below.
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

/// The potential as a function: samples [B, ...] and, for conditional ones, sigma [B] (else undefined) to [B].
using Potential = std::function<torch::Tensor(const torch::Tensor& y, const torch::Tensor& sigma_B)>;

/// What the schedules of a method say of one outer iteration.
struct ScheduleValues {
  HostOrDeviceScalar gamma{};  ///< weight of the spread (weak, kernel)
  Smoothing smoothing{};       ///< of the source (otp)
};

/// The noise that a stochastic map takes beside its input.
struct MapNoise {
  int64_t draws = 1;         ///< Z, samples per input in a map update
  int64_t channels = 0;      ///< extra channels (images) or entries (vectors); 0: the map is deterministic
  double std = 0.0;          ///< standard deviation
  std::string section = {};  ///< whose keys z, z_channels and z_std these are; empty for a deterministic map
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
  other,
};

/// What the source's samples tell of the least noise level that they can resolve.
struct SampleResolution {
  double radius = 0;     ///< RMS distance from the mean
  double intrinsic = 0;  ///< intrinsic dimension
  int64_t count = 0;     ///< samples
  int64_t dim = 0;       ///< entries of a sample
  bool endless = false;  ///< `count` is what a training draws of an endless law
};

/// A configured method. Making one is cheap and checks nothing, so that code may ask it before the data are known.
class Method {
 public:
  virtual ~Method() = default;

  /// @throws InputError for options that do not go together, naming their keys.
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

  /// What is added to samples shaped like `y` [B, ...] before the potential sees them; undefined for most methods.
  virtual Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const;

  // What it asks of the nets.

  /// The noise of the map; by default it takes none.
  virtual MapNoise noise() const { return {}; }

  /// How the potential takes a noise level; by default it takes none.
  virtual Conditioning conditioning() const { return {}; }

  /// Samples per input in a map update (Z).
  int64_t draws() const { return noise().draws; }

  /// Whether the potential takes a noise level.
  bool conditional() const { return conditioning().channels > 0; }

  // What users of a map must know.

  virtual CostKind cost_kind() const { return CostKind::other; }

  /// Whether the source is smoothed, which a source without a density needs.
  virtual bool smooths() const { return false; }

  /// What is done to inputs when a map of `iteration` outer iterations is used: the level that its last one was trained
  /// at. @throws InputError when that level is left to the data and not resolved.
  Smoothing smoothing(int64_t iteration) const;

  /// What to change when a long training missed its target: settings, as they stand in a sentence.
  virtual std::string advice_when_missed() const { return "method = \"otp\""; }

  // Options that depend on the run. They change the sections that the method was made from; it keeps its own.

  /// The text option that holds a noise level, "auto" while it is left to the data; null where there is none.
  virtual std::string* noise_level(OptionSections& /*sections*/) const { return nullptr; }

  /// Whether the noise level is left to the data.
  virtual bool level_is_open() const { return false; }

  /// Fills an open noise level. @return a line that tells the user; empty where nothing was open.
  /// @throws InputError when the samples give no level.
  virtual std::string resolve(OptionSections& /*sections*/, const SampleResolution& /*samples*/) const { return {}; }

  /// Keeps the schedules that depend on the length of the run when that goes from `before` iterations to `now`.
  /// Changes nothing, to the last bit, where the length stays. @throws InputError when the run would be too short.
  virtual void keep_schedules(OptionSections& /*sections*/, int64_t /*before*/, int64_t /*now*/) const {}

  /// Switches random smoothing off, for measurements that need no noise level.
  virtual void drop_smoothing(OptionSections& /*sections*/) const {}
};

/// The options of all methods with their defaults, in the order of the registry.
OptionSections method_sections();

/// What a method is made from.
struct MethodSetting {
  double tau = 0.5;                             ///< of c(x,y) = tau ||x-y||^2, > 0
  int64_t iterations = 0;                       ///< outer iterations of the run, for schedules over its length
  OptionSections sections = method_sections();  ///< those of all methods
};

/// A row of the registry.
struct MethodEntry {
  std::string help;  ///< one line
  std::function<std::unique_ptr<Method>(const MethodSetting& setting)> make;
  std::optional<OptionSection> options{};  ///< with the defaults; none for some
};

/// The methods by name. A program may add its own before it makes a recipe; the section of its options is then part of
/// recipes, help and checks.
Registry<MethodEntry>& methods();

/// Makes a method by name. @throws InputError that lists the names and suggests the nearest.
std::unique_ptr<Method> make_method(const std::string& name, const MethodSetting& setting);

/// Sorted.
std::vector<std::string> method_names();

}  // namespace monge::ot
