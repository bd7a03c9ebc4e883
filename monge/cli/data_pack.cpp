// monge data pack: prepares images once, so that later trainings start without preparation.
#include <cstdio>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/image_size.h"
#include "monge/core/nearest.h"
#include "monge/data/image_survey.h"
#include "monge/data/pack.h"

namespace monge::cli {
namespace {

struct PackCommand {
  Common common;
  std::string source, destination, size = "64x64";
  std::vector<std::string> split;
  int64_t shard_mb = 64;
  data::PackOptions pack;
};

/// Reads --size.
void read_size(const std::string& words, data::PreparationOptions& preparation) {
  const auto size = parse_image_size(words);
  if (!size) {
    throw InputError({.what = "not a size",
                      .where = "--size",
                      .value = '"' + words + '"',
                      .allowed = "WIDTHxHEIGHT or one number, in pixels",
                      .fix = "write for example 64x64"});
  }
  preparation.width = size->width;
  preparation.height = size->height;
}

int run(PackCommand command) {
  auto& pack = command.pack;
  read_size(command.size, pack.preparation);
  pack.shard_bytes = command.shard_mb << 20;
  if (!command.split.empty()) pack.split = data::parse_split(join(command.split, ","));
  const auto log = log_sink(command.common);
  watch_signals();
  const auto result = data::pack(command.source, command.destination, pack, log,
                                 progress_callback(command.common, "packing"), stop_flag());
  if (!result.complete) {
    log(LogLevel::warning, "stopped; finished work is kept; run the same command again to resume");
    return kStopped;
  }
  for (const auto& part : result.parts) {
    if (!part.left_out.empty()) {
      log(LogLevel::warning,
          text(part.folder.string(), ": ", part.left_out.size(),
               " images cannot be used and are left out:", listed(part.left_out, part.left_out.size())));
    }
    if (command.common.json) {
      print_json({{"set", part.folder.string()},
                  {"state", part.was_there ? "there" : "packed"},
                  {"images", part.images},
                  {"found", result.found},
                  {"selected", result.selected},
                  {"left_out", part.left_out.size()},
                  {"shards", part.shards},
                  {"resumed", part.resumed},
                  {"bytes", part.bytes}});
      continue;
    }
    if (part.was_there) {
      log(LogLevel::info, text(part.folder.string(), ": already packed, ", part.images, " images"));
      continue;
    }
    for (const auto& line : io::note_lines(part.notes)) log(LogLevel::info, part.folder.string() + ": " + line);
    if (pack.preparation.range != "auto") {
      const auto range = io::parse_range(pack.preparation.range, "--range");
      const auto warning = range.full() ? io::unused_range_warning(part.notes, "--range")
                                        : data::clamped_values_warning(part.notes, range);
      if (!warning.empty()) log(LogLevel::warning, part.folder.string() + ": " + warning);
    }
    log(LogLevel::info, text(part.folder.string(), ": ", part.images, " images in ", part.shards,
                             part.shards == 1 ? " shard, " : " shards, ", (part.bytes + 500'000) / 1'000'000, " MB",
                             part.resumed > 0 ? text("; ", part.resumed, " shards existed already") : ""));
  }
  return kDone;
}

/// Adds the flags of the preparation of images, which --encoded excludes.
void add_preparation_flags(CLI::App* command, PackCommand& options, CLI::Option* encoded) {
  auto& preparation = options.pack.preparation;
  command->add_option("--size", options.size, "Size of the packed images in pixels: WIDTHxHEIGHT or one number")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_option("--resize-to", preparation.resize_to, "First resize the shorter side to N pixels; 0: keep it")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str()
      ->excludes(encoded);
  command->add_option("--crop", preparation.crop, "Then crop: centre, none (squash), WxH, or WxH+dx,dy from the middle")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_option("--filter", preparation.filter, "Interpolation filter for resizing")
      ->check(CLI::IsMember({"box", "bilinear", "bicubic", "lanczos"}))
      ->capture_default_str();
  command->add_option("--background", preparation.background, "Colour behind transparent pixels: white, black, #rrggbb")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_flag("--grey", preparation.grey, "Keep only the luma")->excludes(encoded);
  command
      ->add_option("--exif", preparation.exif,
                   "EXIF orientation: turn images upright (apply) or keep them as stored (ignore)")
      ->check(CLI::IsMember({"apply", "ignore"}))
      ->capture_default_str()
      ->excludes(encoded);
  command
      ->add_option("--range", preparation.range,
                   "Values of 16-bit images that become black and white: full, auto (measured) or LOW..HIGH")
      ->capture_default_str()
      ->excludes(encoded);
}

/// Adds the flags that choose images and divide them into sets.
void add_selection_flags(CLI::App* command, PackCommand& options) {
  command
      ->add_option("--select", options.pack.select,
                   "Use only images with an attribute: FILE:ATTRIBUTE=VALUE (repeatable)")
      ->allow_extra_args(false);
  auto* split =
      command
          ->add_option("--split", options.split,
                       "Split into sets DST/NAME: NAME=FRACTION,..., for example train=0.9,test=0.1 (repeatable)")
          ->allow_extra_args(false);
  command
      ->add_option("--split-by", options.pack.split_by,
                   "name: images keep their set when others are added; order: the first images form the first set")
      ->check(CLI::IsMember({"name", "order"}))
      ->needs(split)
      ->capture_default_str();
}

}  // namespace

void add_data_pack(CLI::App& group, Action& action) {
  auto* command =
      group.add_subcommand("pack", "Prepare images once as a packed set that a training opens in milliseconds");
  auto options = std::make_shared<PackCommand>();
  auto& p = options->pack;
  command
      ->add_option("SRC", options->source,
                   "Folder, archive, shards (NAME-{000..146}.tar), FILE.parquet, packed set or image")
      ->required();
  command->add_option("DST", options->destination, "Folder of the packed set; written to DST.part until it is complete")
      ->required();
  auto* encoded = command->add_flag("--encoded", p.encoded,
                                    "Store the unchanged files in tar shards; the training then resizes and crops");
  add_preparation_flags(command, *options, encoded);
  add_selection_flags(command, *options);
  command
      ->add_option("--shard-mb", options->shard_mb,
                   "Approximate size of a shard in MiB; a killed process loses at most one shard of work")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->add_option("--on-error", p.on_error, "Action for images that cannot be used: fail (list them) or skip")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
  command->add_flag("!--no-convert", p.convert, "Treat CMYK, 16-bit and palette images as images that cannot be used");
  add_output_flags(*command, options->common);
  command->footer(
      "Aligned anime faces: monge data pack SRC DST --resize-to 512 --crop 256x256+0,-14 --size 128x128\n"
      "CelebA, women:       monge data pack SRC DST --select list_attr_celeba.txt:Male=-1 --crop 178x178 --size 64x64");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace monge::cli
