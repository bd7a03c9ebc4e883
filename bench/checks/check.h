// Checks of a device: what the kernels, the layouts and the precisions compute there against plain forms. They know no
// test library, so that they run where nothing but LibTorch is.
#pragma once

#include <torch/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace monge::bench {

struct Outcome {
  std::string name;                              ///< unique within its check; empty: the check's own name says it all
  std::optional<bool> passed;                    ///< nothing: not done, and the note says why
  std::optional<double> error, tolerance;        ///< relative, where the check compares numbers
  std::optional<double> ms = {}, plain_ms = {};  ///< of the fast way and of the plain one, where they were timed
  std::string note = {};
};

struct Check {
  std::string name;
  std::function<std::vector<Outcome>(torch::Device)> run;  ///< may throw: then the check has failed with that message
};

/// error <= tolerance; a NaN never passes.
inline Outcome compared(std::string name, double error, double tolerance, std::string note = {}) {
  return {.name = std::move(name),
          .passed = error <= tolerance,
          .error = error,
          .tolerance = tolerance,
          .note = std::move(note)};
}
inline Outcome judged(std::string name, bool passed, std::string note = {}) {
  return {.name = std::move(name), .passed = passed, .error = {}, .tolerance = {}, .note = std::move(note)};
}
inline Outcome left_out(std::string why) {
  return {.name = {}, .passed = {}, .error = {}, .tolerance = {}, .note = std::move(why)};
}

/// max |a - b| / max |b| in double on the CPU; NaN where either holds one.
double relative_error(const torch::Tensor& a, const torch::Tensor& b);

std::vector<Check> kernel_checks();    ///< hand-written passes and kernels against their plain forms
std::vector<Check> net_checks();       ///< values and gradients of the nets against float64
std::vector<Check> training_checks();  ///< 20 outer iterations against another way to do them
std::vector<Check> device_checks();    ///< precision of products, waiting of the host

}  // namespace monge::bench
