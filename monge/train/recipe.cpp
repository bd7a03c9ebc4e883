#include "monge/train/recipe.h"

#include "monge/core/error.h"
#include "monge/core/output_size.h"
#include "monge/core/user_words.h"
#include "monge/core/value_range.h"
#include "monge/data/source_kinds.h"

namespace monge::train {

void SourceSection::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the data");
  rows.add("path", path, data::source_help()).on_resume(OnResume::keeps_updates);
  rows.add("size", size, "size of the images after preparation: the side of squares, or \"WIDTHxHEIGHT\"")
      .unit("pixels")
      .range(8, 4096);
  rows.add("resize_to", resize_to,
           "shorter side of an image after a first resize, before the crop; 0: keep the original size")
      .unit("pixels")
      .range(0, 16384);
  rows.add("crop", crop,
           "part of an image that is used: centre (the largest of the shape of size), none (whole image, squashed) or "
           "WxH+dx,dy (W x H pixels around the centre, moved by dx,dy)");
  rows.add("filter", filter, "kernel of the antialiased resize, equal to Pillow's")
      .choices({"box", "bilinear", "bicubic", "lanczos"});
  rows.add("background", background, "colour behind transparent pixels: white, black or #rrggbb");
  rows.add("grey", grey, "replace all three channels by the luma");
  rows.add("colour", colour,
           "number of channels of images in files: rgb (3), grey (1, the luma) or auto (1 if the images of both sides "
           "are grey, else 3; 3 with grey = true)")
      .choices(data::colour_names().names());
  rows.add("exif", exif,
           "rotate images upright by the EXIF orientation of their files (apply), or use them as stored (ignore)")
      .choices(data::exif_names().names());
  rows.add(
      "range", range,
      "values of 16-bit images that are mapped to black and white: full (0..65535), auto (measured; 0..4095 for 12-bit "
      "data) or LOW..HIGH");
  rows.add("convert", convert, "convert CMYK, 16-bit and palette images to 8-bit RGB; false: treat them as unreadable");
  rows.add("on_error", on_error, "fail: an unreadable image stops the run; skip: it is left out and counted")
      .choices(data::on_error_names().names());
}

void DataOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the data");
  rows.add("flip", flip, "mirror half of the training images, chosen at random");
  rows.add("random_crop", random_crop,
           "largest random shift of training images in each direction, with reflected edges; 0: none")
      .unit("pixels")
      .least(0);
  rows.add("cache", cache,
           "where to keep decoded images: auto (in memory up to cache_mb; also on the GPU if a set fits in a quarter "
           "of its free memory), gpu, memory (any size) or off (decode at each use)")
      .choices({"auto", "gpu", "memory", "off"})
      .on_resume(OnResume::keeps_updates);
  rows.add("cache_mb", cache_mb,
           "limit for keeping the decoded images of a source in memory; a larger source is decoded at each use")
      .unit("MiB")
      .least(0)
      .on_resume(OnResume::keeps_updates);
  rows.add("workers", workers,
           "threads per side that prepare batches ahead; 0: none; -1: chosen by the data (none for data in memory)")
      .range(-1, 256)
      .on_resume(OnResume::keeps_updates);
  rows.add("prefetch", prefetch, "batches per side that the workers prepare ahead; at least those of an iteration")
      .range(1, 1024)
      .on_resume(OnResume::keeps_updates);
  rows.add("standardise", standardise,
           "vectors: shift and scale the columns to mean 0 and deviation 1, measured on both sides together (joint) or "
           "on each side separately (each), or to mean 0 with one scale for all columns, which leaves the transport "
           "problem unchanged (scale). Computed in float64. Costs and metrics are then in standardised units; "
           "translate reads and writes raw rows")
      .choices({"off", "joint", "scale", "each"});
}

void CheckpointOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::keeps_updates);
  rows.add("every", every, "interval between checkpoints").unit("iterations").least(1);
  rows.add("keep", keep, "number of latest checkpoints to keep; the best is kept in addition").least(1);
}

void EvalOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the split or the metric");
  rows.add("every", every, "interval between evaluations; 0: off")
      .unit("iterations")
      .least(0)
      .on_resume(OnResume::keeps_updates);
  rows.add("samples", samples, "inputs per evaluation").range(2, 1 << 20).on_resume(OnResume::keeps_updates);
  rows.add("holdout", holdout, "fraction of each finite source that is held out of training")
      .unit("fraction")
      .range(0, 0.9);
  rows.add("split", split, "held-out items: random (chosen at random) or last (the last of each source)")
      .choices({"random", "last"});
  rows.add("source", source, "path of source data to evaluate with, instead of the held-out items");
  rows.add("target", target, "path of target data to compare with, instead of the held-out items");
  rows.add(
      "features", features,
      "feature net of the Frechet and kernel distances: \"inception\" (FID, KID) or a TorchScript file; empty: none");
  rows.add("mode", mode, "how images are resized for inception").choices({"clean", "legacy"});
  rows.add("lpips", lpips, "network of LPIPS between inputs, outputs and samples of one input; empty: none")
      .choices({"", "alex", "squeeze", "vgg"});
  rows.add("weights", weights,
           "folder that is searched first for weight files (" + user_word("eval::known_weights()") + ")")
      .on_resume(OnResume::keeps_updates);
  rows.add("best", best,
           "metric that chooses the best checkpoint, smaller is better: target_error, feature_error, fid, kid, ...");
  rows.add("patience", patience, "end the training after this many evaluations without improvement; 0: never")
      .least(0)
      .on_resume(OnResume::keeps_updates);
}

void SamplesOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::keeps_updates);
  rows.add("every", every, "interval between sample images; 0: off").unit("iterations").least(0);
  rows.add("count", count, "inputs per sample image").range(1, 4096);
  rows.add("draws", draws, "outputs per input, if the map has a noise input").range(1, 256);
}

void OutputOptions::describe(OptionRows& rows) {
  rows.add("range", range,
           "vectors: range that outputs are clamped to, in raw units: LOW..HIGH, LOW.. or ..HIGH (such as 0..); empty: "
           "no clamping. Training does not clamp; translate and the metrics do")
      .on_resume(OnResume::keeps_updates);
  rows.add("size", size,
           "images: size at which translate maps image files unless the caller names one (of arrays, residual alone "
           "applies): keep (each its own), train (crop and "
           "resize to the size of the training), WIDTHxHEIGHT or one number, residual (each its own: the change of a "
           "copy "
           "at the size of the training is enlarged and added); empty: keep images that are larger than in training or "
           "of "
           "another shape if the net takes any size, else train")
      .on_resume(OnResume::keeps_updates);
}

void OutputOptions::check() const {
  if (!range.empty()) parse_value_range(range, "output.range");
  parse_output_size(size, "output.size");
}

void CardOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::keeps_updates);
  rows.add("title", title, "what the map does, in a few words");
  rows.add("description", description, "what it is good for, what it is not, and what inputs it wants");
  rows.add("licence", licence, "licence of the model file, an SPDX identifier such as CC-BY-4.0");
  rows.add("credit", credit, "whom to name, and where the data come from");
  rows.add("source", source, "the source data in words");
  rows.add("source_licence", source_licence, "licence of the source data");
  rows.add("target", target, "the target data in words");
  rows.add("target_licence", target_licence, "licence of the target data");
}

void CardOptions::check() const {
  constexpr size_t kMostBytes = 10'000;
  auto copy = *this;
  OptionRows rows(kSection);
  copy.describe(rows);
  for (const auto& option : rows.take()) {
    const auto& words = *std::get<std::string*>(option.field);
    require(words.size() <= kMostBytes, option.key, ": a text of ", words.size(), " bytes (allowed: up to ", kMostBytes,
            "); shorten it");
  }
}

OptionTable Recipe::options() {
  OptionTable table;
  OptionRows top("");
  top.on_resume(OnResume::fixed, "the run's folder exists already");
  top.add("name", name, "name of the run's folder: runs/00007-NAME");
  describe_top(top);
  table.add_section("", "The run as a whole", top.take());
  const auto add_side = [&table](const std::string& section, const std::string& help, SourceSection& side) {
    OptionRows rows(section);
    side.describe(rows);
    table.add_section(section, help, rows.take());
  };
  add_side("source", "The source distribution P", source);
  add_side("target", "The target distribution Q", target);
  describe(table, data);
  describe_sections(table);
  describe(table, checkpoint);
  describe(table, eval);
  describe(table, samples);
  describe(table, output);
  describe(table, card);
  return table;
}

void assign(Recipe& recipe, const std::vector<std::string>& assignments) {
  const auto options = recipe.options();
  for (const auto& assignment : assignments) options.assign(assignment, user_word("assignment"), toml_value);
}

void validate(const Recipe& recipe) {
  auto copy = recipe;
  copy.options().check("recipe");  // a program may have set fields without the table
  solve::validate(recipe);
  recipe.output.check();
  recipe.card.check();
  for (const auto& [key, path] :
       {std::pair{"source.path", &recipe.source.path}, {"target.path", &recipe.target.path}}) {
    if (path->empty()) {
      throw InputError(
          {.what = "no data is named",
           .where = key,
           .value = "\"\"",
           .allowed = "a folder, an archive, an image, .npy, .npz, .csv, toy:NAME, font:FILE or w2bench:FILE",
           .fix = text("write it into the recipe or add ", user_word("assignment"), " ", key, "=PATH")});
    }
  }
}

}  // namespace monge::train
