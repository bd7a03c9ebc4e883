#include "monge/run/sample_images.h"

#include <cstdio>

#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/run/grid.h"
#include "monge/run/plot.h"
#include "monge/train/trainer.h"

namespace monge::run {
namespace {

constexpr int64_t kScatterPoints = 512;
constexpr int64_t kSegments = 48;
constexpr int64_t kImageSide = 96;  // small images are enlarged to about this many pixels

/// One image of a model at work: for images a row per input, the input first, then its outputs; for vectors a scatter
/// plot of the first two coordinates of source, target and outputs.
/// @param x       inputs [B, ...item].
/// @param target  target samples; used for vectors only.
/// @param samples_per_input   outputs per input if the map is stochastic.
/// @param seed    seed of the noises; the same seed gives the same noises.
/// @return        uint8 [H, W, 3].
torch::Tensor grid_of(const model::Model& model, const torch::Tensor& x, const torch::Tensor& target,
                      int64_t samples_per_input, uint64_t seed) {
  const auto y = model.translate(x, samples_per_input, RandomStreams(seed).at("picture z", 0));
  if (x.dim() == 2) {
    const auto plane = [](const torch::Tensor& points) {
      return points.narrow(1, 0, std::min<int64_t>(2, points.size(1)));
    };
    const auto flat = [&](const torch::Tensor& points) {  // points on a line get the second coordinate 0
      const auto two = plane(points);
      return two.size(1) == 2 ? two : torch::cat({two, torch::zeros_like(two)}, 1);
    };
    const auto first = y.select(1, 0);
    const int64_t shown = std::min<int64_t>(kSegments, x.size(0));
    return scatter_image({.source = flat(x),
                          .target = flat(target),
                          .images = flat(y.flatten(0, 1)),
                          .segments = torch::cat({flat(x), flat(first)}, 1).narrow(0, 0, shown)});
  }
  std::vector<torch::Tensor> cells;
  for (int64_t b = 0; b < x.size(0); ++b) {
    cells.push_back(x[b]);
    for (int64_t k = 0; k < y.size(1); ++k) cells.push_back(y[b][k]);
  }
  const int64_t scale = std::max<int64_t>(1, kImageSide / x.size(3));
  return image_grid(cells, {.columns = 1 + y.size(1), .scale = scale});
}

}  // namespace

void SampleImages::started(train::Trainer& trainer, int64_t /*iteration*/) {
  const auto& recipe = trainer.recipe();
  const RandomStreams streams(static_cast<uint64_t>(recipe.train.seed));
  const bool images = trainer.data().held_source->item_shape().size() == 3;
  const int64_t count = images ? recipe.samples.count : kScatterPoints;
  const auto& source = *trainer.data().held_source;
  x_ = data::some_items(source, count, streams.at("sample inputs", 0));  // no input twice
  target_ = trainer.data().held_target->draw(count, streams.at("sample targets", 0));
}

std::filesystem::path sample_image_path(const std::filesystem::path& run, int64_t iteration) {
  char name[32];
  std::snprintf(name, sizeof name, "step_%06lld.png", static_cast<long long>(iteration));
  return run / "samples" / name;
}

void SampleImages::draw(train::Trainer& trainer, int64_t done) {
  const auto model = model::model_of(trainer);
  const auto grid =
      grid_of(model, x_, target_, trainer.recipe().samples.draws, static_cast<uint64_t>(trainer.recipe().train.seed));
  io::write_image(sample_image_path(trainer.folder(), done), grid);
  drawn_at_ = done;
}

bool SampleImages::needs_nets(const train::Trainer& trainer, int64_t done) const {
  const int64_t every = trainer.recipe().samples.every;
  return every > 0 && done % every == 0;
}

void SampleImages::iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics&) {
  if (needs_nets(trainer, done)) draw(trainer, done);
}

void SampleImages::ended(train::Trainer& trainer, int64_t done, bool) {
  if (trainer.recipe().samples.every > 0 && drawn_at_ != done) draw(trainer, done);
}

}  // namespace monge::run
