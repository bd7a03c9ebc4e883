// The two small trainings of the checks, and the settings under which devices can be compared.
#pragma once

#include <ATen/Context.h>

#include "bench/checks/check.h"
#include "monge/solve/options.h"

namespace monge::bench {

using Assignments = std::vector<std::string>;

struct Problem {
  std::string name;
  std::vector<int64_t> item_shape;
  Assignments assignments;
};

/// Trainings on vectors and on images. The widths are multiples of 8, as matrix units require.
const Problem& vectors();
const Problem& images();

/// The problem's options with TF32 off, then with `changes`.
solve::SolverOptions recipe_of(const Problem& problem, const Assignments& changes);

/// While it lives, TF32 in products and convolutions is on or off; the destructor restores the former settings.
class Tf32 {
 public:
  explicit Tf32(bool on)
      : products_(at::globalContext().allowTF32CuBLAS()), convolutions_(at::globalContext().allowTF32CuDNN()) {
    set(on, on);
  }
  ~Tf32() { set(products_, convolutions_); }
  Tf32(const Tf32&) = delete;
  Tf32& operator=(const Tf32&) = delete;

 private:
  static void set(bool products, bool convolutions) {
    at::globalContext().setAllowTF32CuBLAS(products);
    at::globalContext().setAllowTF32CuDNN(convolutions);
  }
  bool products_, convolutions_;
};

}  // namespace monge::bench
