// A number that an option may leave to the program.
#pragma once

#include <optional>

namespace monge {

/// A number, or "auto" until the program has chosen one.
class AutoNumber {
 public:
  /// "auto".
  AutoNumber() = default;
  /// Converts implicitly, so that a program may write `recipe.potential.r1 = 0.2`.
  AutoNumber(double value) : value_(value) {}  // NOLINT(google-explicit-constructor)

  bool automatic() const { return !value_; }
  double value_or(double other) const { return value_.value_or(other); }

  bool operator==(const AutoNumber&) const = default;

 private:
  std::optional<double> value_;
};

}  // namespace monge
