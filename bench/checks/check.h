// Checks of a device: they compare its kernels, memory layouts and precisions with reference implementations. They use
// no test library, so that they need nothing but LibTorch.
#pragma once

#include <torch/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace monge::bench {

struct Outcome {
  std::string name;                                  ///< unique within its check; empty if the check has one outcome
  std::optional<bool> passed;                        ///< unset: not run; the note says why
  std::optional<double> error, tolerance;            ///< relative; set if the check compares numbers
  std::optional<double> ms = {}, reference_ms = {};  ///< of the fast and the reference implementation, if timed
  std::string note = {};
};

struct Check {
  std::string name;
  std::function<std::vector<Outcome>(torch::Device)> run;  ///< if it throws, the check has failed with that message
};

/// Passes if error <= tolerance, so never for NaN.
inline Outcome compared(std::string name, double error, double tolerance, std::string note = {}) {
  return {.name = std::move(name),
          .passed = error <= tolerance,
          .error = error,
          .tolerance = tolerance,
          .note = std::move(note)};
}
inline Outcome outcome_of(std::string name, bool passed, std::string note = {}) {
  return {.name = std::move(name), .passed = passed, .error = {}, .tolerance = {}, .note = std::move(note)};
}
inline Outcome skipped_because(std::string why) {
  return {.name = {}, .passed = {}, .error = {}, .tolerance = {}, .note = std::move(why)};
}

/// max |a - b| / max |b| in double on the CPU; NaN if a or b contains NaN.
double relative_error(const torch::Tensor& a, const torch::Tensor& b);

std::vector<Check> kernel_checks();    ///< hand-written kernels against their reference implementations
std::vector<Check> net_checks();       ///< values and gradients of the nets against float64
std::vector<Check> training_checks();  ///< 20 outer iterations against a reference training
std::vector<Check> device_checks();    ///< precision of products; whether the host waits for the device

}  // namespace monge::bench
