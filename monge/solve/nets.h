// Makes the two nets from the options and the shape of the data.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "monge/nn/image_sizes.h"
#include "monge/nn/module.h"
#include "monge/solve/options.h"

namespace monge::solve {

struct Nets {
  std::shared_ptr<nn::MapNet> map, ema;  ///< ema is null when train.ema is 0
  std::shared_ptr<nn::PotentialNet> potential;

  // The nets of the reversed problem, null unless train.directions = "both". Those of gradient maps are made from the
  // nets above: the inverse map is the gradient map of `potential`, and its potential is that of `map`.
  std::shared_ptr<nn::MapNet> inverse_map = {}, inverse_ema = {};
  std::shared_ptr<nn::PotentialNet> inverse_potential = {};
};

/// T for items of `source_shape` to items of `target_shape` ([C,H,W] or [D]), initialised from train.seed.
/// @throws InputError if the shapes differ (the cost compares x with T(x)) or the net does not fit the kind of data.
std::shared_ptr<nn::MapNet> make_map(const SolverOptions& options, const std::vector<int64_t>& source_shape,
                                     const std::vector<int64_t>& target_shape);

/// A lower bound of the number of values of that map (see NetEntry::least_values); 0 if it is unknown.
double least_map_values(const SolverOptions& options, const std::vector<int64_t>& item_shape);

/// The sizes of images that this map takes (see NetEntry::image_sizes); nothing if it takes only that of its items.
std::optional<nn::ImageSizes> map_image_sizes(const SolverOptions& options, const std::vector<int64_t>& item_shape);

/// f for items of `target_shape`, initialised from train.seed. @throws InputError if the net does not fit the data.
std::shared_ptr<nn::PotentialNet> make_potential(const SolverOptions& options,
                                                 const std::vector<int64_t>& target_shape);

/// A lower bound of the number of values of that potential; 0 if it is unknown.
double least_potential_values(const SolverOptions& options, const std::vector<int64_t>& item_shape);

/// The inverse map for items of `shape`, initialised from train.seed, by itself: for a gradient map a net of its own
/// like the potential. Throws as make_map.
std::shared_ptr<nn::MapNet> make_inverse_map(const SolverOptions& options, const std::vector<int64_t>& shape);

/// A lower bound of the number of its values; 0 if it is unknown.
double least_inverse_values(const SolverOptions& options, const std::vector<int64_t>& shape);

/// All nets of the options. Throws as the above.
Nets make_nets(const SolverOptions& options, const std::vector<int64_t>& source_shape,
               const std::vector<int64_t>& target_shape);

}  // namespace monge::solve
