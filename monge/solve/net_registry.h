// The nets that a recipe can name: maps T and potentials f.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/option_section.h"
#include "monge/core/registry.h"
#include "monge/nn/image_sizes.h"
#include "monge/nn/module.h"
#include "monge/ot/method.h"

namespace monge::solve {

struct SolverOptions;

enum class DataKind { images, vectors };

/// The data and the options that a net is made for.
struct NetContext {
  std::vector<int64_t> item_shape;  ///< [C, H, W] or [D], of x and T(x) alike
  int64_t noise_channels = 0;       ///< for a map: channels (images) or entries (vectors) of noise after those of x
  bool noise_vector = false;        ///< for a map of images: the noise of an image is the same at all its pixels
  ot::Conditioning conditioning{};  ///< for a potential
  const SolverOptions& options;     ///< [map], [potential], [train] and the sections that nets bring
};

/// A row of a registry.
template <class Net>
struct NetEntry {
  std::string help;  ///< one line
  DataKind data = DataKind::images;
  /// @throws InputError when the context does not fit the net.
  std::function<std::shared_ptr<Net>(const NetContext& context)> make;
  std::optional<OptionSection> options{};  ///< for a net that needs more than [map] and [potential]
  /// A lower bound of the number of values of the net, computed in double so that nothing overflows; unset if unknown.
  /// A model file is compared with it before the net of its recipe is built, because a recipe may name any width.
  std::function<double(const NetContext& context)> least_values{};
  /// The sizes of images that a map takes once it is trained; unset if it takes only that of the context's items.
  std::function<nn::ImageSizes(const NetContext& context)> image_sizes{};
};

/// The nets by name; "auto" takes the first one for the kind of data. A program may add its own before it makes
/// recipes.
Registry<NetEntry<nn::MapNet>>& map_nets();
Registry<NetEntry<nn::PotentialNet>>& potential_nets();

/// The sections that nets bring, with their defaults: those of maps, then those of potentials.
OptionSections net_sections();

}  // namespace monge::solve
