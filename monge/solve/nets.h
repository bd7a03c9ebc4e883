// From options and the shape of the data to the two nets.
#pragma once

#include <memory>
#include <vector>

#include "monge/nn/module.h"
#include "monge/solve/options.h"

namespace monge::solve {

struct Nets {
  std::shared_ptr<nn::MapNet> map, ema;  ///< ema is null when train.ema is 0
  std::shared_ptr<nn::PotentialNet> potential;
};

/// T for items of `source_shape` to items of `target_shape` ([C,H,W] or [D]), initialised from train.seed.
/// @throws InputError when the shapes differ (the cost compares x with T(x)), or when a net does not fit the kind of
/// data.
std::shared_ptr<nn::MapNet> make_map(const SolverOptions& options, const std::vector<int64_t>& source_shape,
                                     const std::vector<int64_t>& target_shape);

/// How many values that map has at least (see NetEntry::least_values); 0 where its net does not say.
double least_map_values(const SolverOptions& options, const std::vector<int64_t>& item_shape);

/// f for items of `target_shape`.
std::shared_ptr<nn::PotentialNet> make_potential(const SolverOptions& options,
                                                 const std::vector<int64_t>& target_shape);

Nets make_nets(const SolverOptions& options, const std::vector<int64_t>& source_shape,
               const std::vector<int64_t>& target_shape);

}  // namespace monge::solve
