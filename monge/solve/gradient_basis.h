// The bases in which SOAP runs Adam: for each matrix of weights the eigenvectors of the covariances of its gradients.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/nn/module.h"
#include "monge/solve/flat_parameters.h"

namespace monge::solve {

/// For each weight W, as a matrix [m, n] of its first axis by all others, the covariances of its gradients G and their
/// eigenvectors (Vyas et al. 2024, "SOAP: Improving and Stabilizing Shampoo using Adam", algorithm 3):
///
///     L <- b L + (1 - b) G G',   R <- b R + (1 - b) G' G,   G in the basis = U' G V,   U, V eigenvectors of L, R
///
/// A side of more than 1024 entries is not rotated; vectors, rows and columns are not rotated at all. Until the first
/// refresh U and V are identities.
class GradientBasis {
 public:
  /// @param parameters  named weights of one type and device; `layout` is theirs.  @param decay  b, in [0, 1).
  GradientBasis(const nn::NamedTensors& parameters, const FlatParameters& layout, double decay);

  /// Adds the gradients to the covariances and expresses them in the basis.
  /// @param gradients  finite.  @param accepted  scalar tensor: 1, or 0 to leave the covariances as they are.
  /// @return  gradients in the basis, in the layout, valid until the next call.
  const FlatParameters& project(const FlatParameters& gradients, const torch::Tensor& accepted);

  /// Zeros in the layout, into which an optimiser writes its step in the basis; `project_back` then adds it to the
  /// weights.
  const torch::Tensor& step_buffer();
  void project_back(const FlatParameters& values);

  /// Brings the bases closer to the present eigenvectors by one step of the power iteration, and expresses the two
  /// moments of Adam in them, the second one by the order of the eigenvalues alone.
  void refresh(const FlatParameters& average, const FlatParameters& square);

  /// Covariances and bases under stable names; the tensors share memory with this object.
  nn::NamedTensors state() const;

  /// The number of values that a net's bases add to those of Adam.
  static int64_t value_count(const torch::nn::Module& net);

 private:
  /// One side of a weight; undefined tensors if it is not rotated.
  struct Side {
    torch::Tensor covariance, vectors;
  };
  struct Rotated {
    size_t index;  ///< in the layout
    std::string name;
    Side left, right;
  };

  std::vector<Rotated> rotated_;
  FlatParameters in_basis_, step_;
  double decay_;
};

}  // namespace monge::solve
