// monge data pack: prepares images once, so that later trainings start without preparation.
#include <cstdio>
#include <iostream>
#include <memory>
#include <regex>

#include "monge/cli/command.h"
#include "monge/core/error.h"
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
  static const std::regex form(R"((\d{1,5})(?:x(\d{1,5}))?)");
  std::smatch found;
  if (!std::regex_match(words, found, form)) {
    throw InputError({.what = "not a size",
                      .where = "--size",
                      .value = '"' + words + '"',
                      .allowed = "WIDTHxHEIGHT or one number, in pixels",
                      .fix = "write for example 64x64"});
  }
  preparation.width = std::stoll(found[1]);
  preparation.height = found[2].matched ? std::stoll(found[2]) : preparation.width;
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
    log(LogLevel::warning, "stopped; what is done is kept, and the same command goes on from there");
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
      log(LogLevel::info, text(part.folder.string(), ": is there, ", part.images, " images"));
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
                             part.resumed > 0 ? text("; ", part.resumed, " shards were there already") : ""));
  }
  return kDone;
}

/// Adds the flags of the preparation of images, which --encoded excludes.
void add_preparation_flags(CLI::App* command, PackCommand& options, CLI::Option* encoded) {
  auto& preparation = options.pack.preparation;
  command->add_option("--size", options.size, "Of the packed images: WIDTHxHEIGHT or one number, in pixels")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_option("--resize-to", preparation.resize_to, "First bring the shorter side to N pixels; 0: leave it")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str()
      ->excludes(encoded);
  command
      ->add_option("--crop", preparation.crop, "Then use a part: centre, none (squash), WxH, WxH+dx,dy from the middle")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_option("--filter", preparation.filter, "Of the resizes")
      ->check(CLI::IsMember({"box", "bilinear", "bicubic", "lanczos"}))
      ->capture_default_str();
  command->add_option("--background", preparation.background, "What shows through transparency: white, black, #rrggbb")
      ->capture_default_str()
      ->excludes(encoded);
  command->add_flag("--grey", preparation.grey, "Keep the luma alone")->excludes(encoded);
  command
      ->add_option("--exif", preparation.exif,
                   "Bring images upright by their EXIF orientation (apply) or take them as stored (ignore)")
      ->check(CLI::IsMember({"apply", "ignore"}))
      ->capture_default_str()
      ->excludes(encoded);
  command
      ->add_option("--range", preparation.range,
                   "Values of 16-bit images that become black and white: full, auto (measured), LOW..HIGH")
      ->capture_default_str()
      ->excludes(encoded);
}

/// Adds the flags that choose images and divide them into sets.
void add_selection_flags(CLI::App* command, PackCommand& options) {
  command
      ->add_option("--select", options.pack.select, "Only images with an attribute: FILE:ATTRIBUTE=VALUE (repeatable)")
      ->allow_extra_args(false);
  auto* split = command
                    ->add_option("--split", options.split,
                                 "Sets in DST/NAME: NAME=SHARE,NAME=SHARE,... as train=0.9,test=0.1 (repeatable)")
                    ->allow_extra_args(false);
  command
      ->add_option("--split-by", options.pack.split_by,
                   "name: an image stays in its part when others come; order: the first to the first part")
      ->check(CLI::IsMember({"name", "order"}))
      ->needs(split)
      ->capture_default_str();
}

}  // namespace

void add_data_pack(CLI::App& group, Action& action) {
  auto* command = group.add_subcommand("pack", "Prepare images once into a packed set that trainings open in no time");
  auto options = std::make_shared<PackCommand>();
  auto& p = options->pack;
  command
      ->add_option("SRC", options->source,
                   "Folder, archive, shards (NAME-{000..146}.tar), FILE.parquet, packed set or image")
      ->required();
  command->add_option("DST", options->destination, "Folder of the packed set; work goes to DST.part until it is whole")
      ->required();
  auto* encoded = command->add_flag(
      "--encoded", p.encoded, "Keep the files as they are, in tar shards; sizes and crops are then the training's");
  add_preparation_flags(command, *options, encoded);
  add_selection_flags(command, *options);
  command->add_option("--shard-mb", options->shard_mb, "Size of a shard in MiB, about: the work that a kill can cost")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  command->add_option("--on-error", p.on_error, "For images that cannot be used: fail (and list them all) or skip")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
  command->add_flag("!--no-convert", p.convert, "Take CMYK, 16-bit and palette images for images that cannot be used");
  add_output_flags(*command, options->common);
  command->footer(
      "Aligned anime faces: monge data pack SRC DST --resize-to 512 --crop 256x256+0,-14 --size 128x128\n"
      "CelebA, women:       monge data pack SRC DST --select list_attr_celeba.txt:Male=-1 --crop 178x178 --size 64x64");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace monge::cli
