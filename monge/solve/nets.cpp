#include "monge/solve/nets.h"

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/nn/mlp.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/seeded.h"
#include "monge/nn/unet.h"

namespace monge::solve {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
  return out + "]";
}

/// Says in what the items of two sides differ and how to mend that.
[[noreturn]] void refuse_shapes(const std::vector<int64_t>& source, const std::vector<int64_t>& target) {
  Complaint complaint{.what = "source and target must have items of one shape, since the cost compares x with T(x)",
                      .where = "source.path, target.path",
                      .value = shape_text(source) + " and " + shape_text(target)};
  if (source.size() != target.size()) {
    complaint.fix = "give images on both sides, or vectors on both";
  } else if (source.size() == 1) {
    complaint.fix = "give both tables the same number of columns";
  } else if (source[0] != target[0]) {
    const bool grey_source = source[0] < target[0];
    complaint.what =
        text("the ", grey_source ? "source" : "target", " is grey (1 channel) and the ",
             grey_source ? "target" : "source", " has colour (3 channels), and the cost compares x with T(x)");
    complaint.fix = text("repeat the grey of an array in three channels (numpy.repeat(x, 3, 1)); for files set ",
                         grey_source ? "source" : "target", ".colour = \"rgb\", or ", grey_source ? "target" : "source",
                         ".colour = \"grey\" to train on grey alone");
  } else {
    complaint.fix = "give both the same size (source.size, target.size); arrays are taken at their own";
  }
  throw Error(complaint);
}

/// "auto" by the kind of data, else the chosen one if it fits.
std::string choose(const std::string& key, const std::string& chosen, const std::string& for_images, bool images) {
  if (chosen == "auto") return images ? for_images : "mlp";
  if ((chosen == for_images) != images) {
    throw Error(Complaint{.what = text("the net does not fit the data, which are ", images ? "images" : "vectors"),
                          .where = key,
                          .value = '"' + chosen + '"',
                          .allowed = images ? for_images : "mlp",
                          .fix = "leave it at \"auto\""});
  }
  return chosen;
}

/// @param section  [map] or [potential].
template <class Section>
nn::MlpOptions mlp_options(const Section& section, bool fused) {
  const auto depth = static_cast<size_t>(section.depth == 0 ? 3 : section.depth);
  return {std::vector<int64_t>(depth, section.width == 0 ? 128 : section.width), section.activation, section.zero_last,
          fused};
}

nn::NoiseEmbeddingOptions embedding(const train::Recipe& recipe) {
  if (train::cost_method(recipe) != "noised") return {};
  const auto& n = recipe.noised;
  nn::NoiseEmbeddingOptions options;
  options.channels = n.embedding_channels;
  options.input = n.embedding;
  options.scale_input = n.scale_input;
  options.sigma_data = n.sigma_data;
  return options;
}

}  // namespace

std::shared_ptr<nn::MapNet> make_map(const train::Recipe& recipe, const std::vector<int64_t>& source_shape,
                                     const std::vector<int64_t>& target_shape) {
  if (source_shape != target_shape) refuse_shapes(source_shape, target_shape);
  const bool images = source_shape.size() == 3;
  const int64_t channels = source_shape.at(0), noise = train::map_noise(recipe).channels;
  const auto& m = recipe.map;
  const nn::SeededInitialisation seeded(stream_seed(static_cast<uint64_t>(recipe.train.seed), "init map", 0));
  if (choose("map.net", m.net, "unet", images) == "unet") {
    nn::UNetOptions options;
    options.in = channels + noise;
    options.out = channels;
    options.base = m.width == 0 ? 48 : m.width;
    options.depth = m.depth == 0 ? 4 : m.depth;
    options.norm = m.norm;
    options.fused = recipe.train.fused;
    options.gpu_kernels = recipe.train.gpu_kernels;
    options.patch = m.patch;
    options.output = m.output;
    options.residual = m.residual;
    options.zero_last = m.zero_last;
    return std::make_shared<nn::UNet>(options);
  }
  nn::MlpMapOptions options;
  options.in = channels + noise;
  options.out = channels;
  options.mlp = mlp_options(m, recipe.train.fused);
  options.residual = m.residual;
  return std::make_shared<nn::MlpMap>(options);
}

std::shared_ptr<nn::PotentialNet> make_potential(const train::Recipe& recipe,
                                                 const std::vector<int64_t>& target_shape) {
  const bool images = target_shape.size() == 3;
  const auto& p = recipe.potential;
  const nn::SeededInitialisation seeded(stream_seed(static_cast<uint64_t>(recipe.train.seed), "init potential", 0));
  if (choose("potential.net", p.net, "resnet", images) == "resnet") {
    if (target_shape[1] != target_shape[2]) {
      throw Error(Complaint{.what = "the resnet potential takes square images",
                            .where = "target.path",
                            .value = shape_text(target_shape),
                            .allowed = "[C, H, W] with H = W",
                            .fix = "crop or pad the arrays of both sides to squares, as numpy.pad(x, "
                                   "((0,0),(0,0),(0,24-16),(0,0))) does for [N,C,16,24], or "
                                   "give files, which source.crop and source.size make square"});
    }
    nn::ResNetPotentialOptions options;
    options.size = target_shape[1];
    options.nc = target_shape[0];
    options.nfilter = p.width == 0 ? 64 : p.width;
    options.nfilter_max = std::max(p.width_max, options.nfilter);
    options.res_ratio = p.res_ratio;
    options.fused = recipe.train.fused;
    options.gpu_kernels = recipe.train.gpu_kernels;
    options.patch = p.patch;
    options.noise = embedding(recipe);
    return std::make_shared<nn::ResNetPotential>(options);
  }
  nn::MlpPotentialOptions options;
  options.dim = target_shape.at(0);
  options.mlp = mlp_options(p, recipe.train.fused);
  options.quadratic = p.quadratic;
  options.noise = embedding(recipe);
  return std::make_shared<nn::MlpPotential>(options);
}

Nets make_nets(const train::Recipe& recipe, const std::vector<int64_t>& source_shape,
               const std::vector<int64_t>& target_shape) {
  return {make_map(recipe, source_shape, target_shape),
          recipe.train.ema > 0 ? make_map(recipe, source_shape, target_shape) : nullptr,
          make_potential(recipe, target_shape)};
}

}  // namespace monge::solve
