#include "monge/run/sample_images.h"

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/model/model.h"
#include "monge/run/grid.h"
#include "monge/run/plot.h"
#include "monge/run/sample_path.h"
#include "monge/train/trainer.h"

namespace monge::run {
namespace {

constexpr int64_t kScatterPoints = 512;
constexpr int64_t kSegments = 48;

/// The outputs of a model for inputs [B, ...item]: [B, samples, ...item], with the same noises for the same seed.
torch::Tensor outputs_of(const model::Model& model, const torch::Tensor& x, const train::Recipe& recipe) {
  const RandomStreams streams(static_cast<uint64_t>(recipe.train.seed));
  return model.translate(x, recipe.samples.draws, streams.at("picture z", 0));
}

/// A row for each input: the input first, then its outputs.
torch::Tensor grid_of(const torch::Tensor& x, const torch::Tensor& y) {
  std::vector<torch::Tensor> cells;
  for (int64_t b = 0; b < x.size(0); ++b) {
    cells.push_back(x[b]);
    for (int64_t k = 0; k < y.size(1); ++k) cells.push_back(y[b][k]);
  }
  return image_grid(cells, {.columns = 1 + y.size(1), .scale = sample_image_scale(x.size(3))});
}

}  // namespace

int64_t sample_image_scale(int64_t width) {
  constexpr int64_t kImageSide = 96;  // small images are enlarged to about this many pixels
  return std::max<int64_t>(1, kImageSide / width);
}

void SampleImages::started(train::Trainer& trainer, int64_t /*iteration*/) {
  const auto& recipe = trainer.recipe();
  if (recipe.samples.every == 0) return;
  const RandomStreams streams(static_cast<uint64_t>(recipe.train.seed));
  const bool images = trainer.data().held_source->item_shape().size() == 3;
  const int64_t count = images ? recipe.samples.count : kScatterPoints;
  const auto& source = *trainer.data().held_source;
  x_ = data::some_items(source, count, streams.at("sample inputs", 0));  // no input twice
  target_ = trainer.data().held_target->draw(count, streams.at("sample targets", 0));
  if (images) {
    try {
      write_target(trainer.folder());
    } catch (const SystemError& error) {
      trainer.log()(LogLevel::warning, text("samples of the target were not written: ", error.what()));
    }
    return;
  }
  const auto& columns = trainer.columns();
  view_.emplace(torch::cat({x_, target_}), columns.target.empty() ? columns.source : columns.target);
}

/// A grid of target samples, so that a reader sees what outputs should look like.
void SampleImages::write_target(const std::filesystem::path& run) const {
  constexpr int64_t kColumns = 6;
  std::vector<torch::Tensor> cells;
  for (int64_t i = 0; i < target_.size(0); ++i) cells.push_back(target_[i]);
  io::write_image(target_image_path(run), image_grid(cells, {.columns = std::min(kColumns, target_.size(0)),
                                                             .scale = sample_image_scale(target_.size(3))}));
}

std::filesystem::path target_image_path(const std::filesystem::path& run) { return run / "samples" / "target.png"; }

std::filesystem::path sample_image_path(const std::filesystem::path& run, int64_t iteration) {
  return sample_path(run, iteration, ".png");
}

void SampleImages::draw(train::Trainer& trainer, int64_t done) {
  drawn_at_ = done;
  const auto y = outputs_of(model::model_of(trainer), x_, trainer.recipe());
  try {
    write(y, trainer.folder(), done);
    failed_ = false;
  } catch (const SystemError& error) {  // what informs about a training must not end it
    if (!failed_)
      trainer.log()(LogLevel::warning, text("the samples of iteration ", done,
                                            " were not written, and the training continues: ", error.what()));
    failed_ = true;
  }
}

void SampleImages::write(const torch::Tensor& y, const std::filesystem::path& run, int64_t done) const {
  const auto pixels = view_ ? draw_scatter(y, scatter_points_path(run, done)) : grid_of(x_, y);
  io::write_image(sample_image_path(run, done), pixels);
  if (drawn_) drawn_(done, pixels);
}

/// The plot of the outputs [N, K, D]. Writes its points to a file, too.
torch::Tensor SampleImages::draw_scatter(const torch::Tensor& y, const std::filesystem::path& points) const {
  const torch::Tensor source = (*view_)(x_), target = (*view_)(target_), outputs = (*view_)(y);
  real_files().replace(points, scatter_points_json(*view_, source, target, outputs));
  const int64_t shown = std::min<int64_t>(kSegments, x_.size(0));
  const auto segments = torch::cat({source, outputs.select(1, 0)}, /*dim=*/1).narrow(0, 0, shown);
  return scatter_image({.source = source, .target = target, .images = outputs.flatten(0, 1), .segments = segments});
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
