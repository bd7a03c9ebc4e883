#include "monge/train/recipe.h"

#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/core/value_range.h"
#include "monge/data/source_kinds.h"

namespace monge::train {

void SourceSection::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "other data");
  rows.add("path", path, data::source_help()).on_resume(OnResume::keeps_updates);
  rows.add("size", size, "side of the square that images are brought to").unit("pixels").range(8, 4096);
  rows.add("resize_to", resize_to, "the shorter side of an image is first brought to so many pixels; 0: it stays")
      .unit("pixels")
      .range(0, 16384);
  rows.add("crop", crop,
           "centre (largest square), none (squash) or WxH+dx,dy (W x H around the centre, moved by dx,dy)");
  rows.add("filter", filter, "antialiased resizing, equal to Pillow's")
      .choices({"box", "bilinear", "bicubic", "lanczos"});
  rows.add("background", background, "what shows through transparent images: white, black or #rrggbb");
  rows.add("grey", grey, "take the luma in all three channels");
  rows.add("colour", colour,
           "channels that the nets see of images in files: rgb (3), grey (1, the luma), or auto (1 where the images of "
           "both sides are grey, else 3; 3 with grey = true)")
      .choices(data::colour_names().names());
  rows.add("exif", exif, "bring images upright by the EXIF orientation of their files, or take them as they are stored")
      .choices(data::exif_names().names());
  rows.add("range", range,
           "values of 16-bit images that become black and white: full (0..65535), auto (measured: 12-bit data are "
           "0..4095) or LOW..HIGH");
  rows.add("convert", convert,
           "take CMYK, 16-bit and palette images, converted to 8-bit RGB; false: they count as unreadable");
  rows.add("on_error", on_error, "an unreadable image stops the run, or is left out and counted")
      .choices(data::on_error_names().names());
}

void DataOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "other data");
  rows.add("flip", flip, "mirror half of the training images, at random");
  rows.add("random_crop", random_crop,
           "move training images at random by up to so many pixels each way; the edges are reflected")
      .unit("pixels")
      .least(0);
  rows.add("cache", cache,
           "where decoded images are kept: auto (on a GPU a set of up to a quarter of its free memory; in memory up to "
           "cache_mb), gpu, memory (whatever their size) or off (decoded when needed)")
      .choices({"auto", "gpu", "memory", "off"})
      .on_resume(OnResume::keeps_updates);
  rows.add("cache_mb", cache_mb,
           "decoded images of a source are kept in memory up to this size, else decoded when needed")
      .unit("MiB")
      .least(0)
      .on_resume(OnResume::keeps_updates);
  rows.add("workers", workers,
           "threads a side that make batches ahead; 0: none, -1: as many as the data need (none for what lies in "
           "memory)")
      .range(-1, 256)
      .on_resume(OnResume::keeps_updates);
  rows.add("prefetch", prefetch, "batches a side that workers make ahead")
      .range(1, 1024)
      .on_resume(OnResume::keeps_updates);
  rows.add("standardise", standardise,
           "vectors: bring columns to mean 0 and deviation 1, by both sides together (joint) or each side by its own "
           "(each), or to mean 0 and one common scale, which leaves the transport problem what it is (scale); computed "
           "in double; costs and figures are then in these units, translate takes and gives raw rows")
      .choices({"off", "joint", "scale", "each"});
}

void CheckpointOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::keeps_updates);
  rows.add("every", every, "between two checkpoints").unit("iterations").least(1);
  rows.add("keep", keep, "how many of the last are kept (the best is kept beside them)").least(1);
}

void EvalOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "another split or another metric than before");
  rows.add("every", every, "between two evaluations; 0 is off")
      .unit("iterations")
      .least(0)
      .on_resume(OnResume::keeps_updates);
  rows.add("samples", samples, "inputs of an evaluation").range(2, 1 << 20).on_resume(OnResume::keeps_updates);
  rows.add("holdout", holdout, "part of each finite source that is not trained on").unit("share").range(0, 0.9);
  rows.add("split", split, "which part: items chosen at random, or the last of each source")
      .choices({"random", "last"});
  rows.add("source", source, "another path to evaluate from, in place of the held-out part");
  rows.add("target", target, "another path to compare with, in place of the held-out part");
  rows.add(
      "features", features,
      "feature net of the Frechet and kernel distances: \"inception\" (FID, KID) or a TorchScript file; empty is none");
  rows.add("mode", mode, "how images come to inception's size").choices({"clean", "legacy"});
  rows.add("lpips", lpips, "trunk of LPIPS between inputs, outputs and draws; empty is none")
      .choices({"", "alex", "squeeze", "vgg"});
  rows.add("weights", weights,
           "folder of weight files that is looked in first (" + user_word("eval::known_weights()") + ")")
      .on_resume(OnResume::keeps_updates);
  rows.add("best", best,
           "figure of the best checkpoint, smaller is better: target_error, feature_error, fid, kid, ...");
  rows.add("patience", patience, "evaluations without a better one after which the training ends; 0 is never")
      .least(0)
      .on_resume(OnResume::keeps_updates);
}

void SamplesOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::keeps_updates);
  rows.add("every", every, "between two sample images; 0 is off").unit("iterations").least(0);
  rows.add("count", count, "inputs in a sample image").range(1, 4096);
  rows.add("draws", draws, "outputs per input where the map takes noise").range(1, 256);
}

void OutputOptions::describe(OptionRows& rows) {
  rows.add("range", range,
           "vectors: LOW..HIGH, LOW.. or ..HIGH (such as 0..) in raw units, that outputs are clamped to; empty: not at "
           "all. The training itself does not clamp; translate and the metrics do")
      .on_resume(OnResume::keeps_updates);
}

void OutputOptions::check() const {
  if (!range.empty()) parse_value_range(range, "output.range");
}

OptionTable Recipe::options() {
  OptionTable table;
  OptionRows top("");
  top.on_resume(OnResume::fixed, "the run has its folder");
  top.add("name", name, "names the run's folder: runs/00007-NAME");
  describe_top(top);
  table.add_section("", "The run as a whole", top.take());
  const auto add_side = [&table](const std::string& section, const std::string& help, SourceSection& side) {
    OptionRows rows(section);
    side.describe(rows);
    table.add_section(section, help, rows.take());
  };
  add_side("source", "The distribution P that is carried over", source);
  add_side("target", "The distribution Q that is to be reached", target);
  describe(table, data);
  describe_sections(table);
  describe(table, checkpoint);
  describe(table, eval);
  describe(table, samples);
  describe(table, output);
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
