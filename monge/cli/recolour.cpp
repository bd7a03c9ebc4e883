// monge recolour: gives a photograph the colours of another one by optimal transport of their pixels.
#include "monge/session/recolour.h"

#include <cstdio>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/eval/target_verdict.h"

namespace monge::cli {
namespace {

struct RecolourCommand {
  Common common;
  std::string photo, style, out;
  session::RecolourOptions options;
};

std::string fixed(double value, const char* format) {
  char out[64];
  std::snprintf(out, sizeof out, format, value);
  return out;
}

void print_line(const session::Recoloured& done) {
  const auto& score = done.score;
  std::cout << done.out.string();
  if (done.images > 1) std::cout << " (" << done.images << " images)";
  std::cout << ": the map " << score.verdict() << "; 1/2 W2^2 to the style's pixels " << number(score.target.error)
            << " (floor " << number(score.target.floor) << ", before " << number(score.target.start) << "), cost "
            << number(score.cost) << " (" << fixed(score.cost_ratio(), "%.3f") << " of the exact plan's), "
            << fixed(done.seconds, "%.1f") << " s";
  if (done.replaced > 0)
    std::cout << "; replaced " << done.replaced << " existing file" << (done.replaced > 1 ? "s" : "");
  std::cout << std::endl;
}

nlohmann::ordered_json recolour_json(const session::Recoloured& done, const session::RecolourOptions& options) {
  const auto& score = done.score;
  return {{"photo", done.photo},
          {"style", done.style},
          {"out", done.out.string()},
          {"images", done.images},
          {"replaced", done.replaced},
          {"strength", options.strength},
          {"seed", options.map.seed},
          {"verdict", score.verdict()},
          {"reaches_target", score.same_colours() || eval::verdict_of(score.target) == eval::TargetVerdict::reached},
          {"target_error", score.target.error},
          {"target_floor", score.target.floor},
          {"target_start", score.target.start},
          {"cost", score.cost},
          {"exact_cost", score.exact_cost},
          {"cost_ratio", score.cost_ratio()},
          {"samples", score.samples},
          {"training_seconds", done.training_seconds},
          {"seconds", done.seconds}};
}

int recolour_command(const RecolourCommand& command) {
  watch_signals();  // so that a stopped job leaves no partial file
  const auto result = session::recolour(command.photo, command.style, command.out, command.options,
                                        compute_for(command.common), hooks_for(command.common));
  for (const auto& done : result.maps) {
    if (command.common.json) {
      print_json(recolour_json(done, command.options));
    } else {
      print_line(done);
    }
  }
  return result.complete ? kDone : kStopped;
}

}  // namespace

void add_recolour(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("recolour", "Give a photograph the colours of another one, at any size");
  auto options = std::make_shared<RecolourCommand>();
  command->footer(
      "verdict      whether the colours reach the style's: 1/2 W2^2 between samples of the pixels in [-1, 1], by "
      "exact\n"
      "             plans; floor: of the style against itself; before: of PHOTO itself, the least cost of any map\n"
      "cost         1/2 E|x - T(x)|^2, and its ratio to that of the exact plan of the samples");
  command
      ->add_option("PHOTO", options->photo, "Image, or folder of images that get one map, such as the frames of a film")
      ->required();
  command->add_option("STYLE", options->style, "Image, folder or archive whose colours PHOTO gets")->required();
  command->add_option("OUT", options->out, "Output path: an image if PHOTO is one, else a folder")->required();
  command
      ->add_option("--strength", options->options.strength,
                   "t in [0, 1]: a colour x becomes (1 - t) x + t T(x); 1: the colours of STYLE")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_flag("--both", options->options.both,
                    "Also write STYLE with the colours of PHOTO: OUT.png gets OUT-reverse.png beside it");
  command->add_option("--seed", options->options.map.seed, "Seed of the samples and of the fit")
      ->check(from_zero())
      ->capture_default_str();
  command
      ->add_option(
          "--set", options->options.map.assignments,
          "Override train.iterations, train.batch, train.lr_map or a key of map: section.key=value (repeatable)")
      ->allow_extra_args(false);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return recolour_command(*options); }; });
}

}  // namespace monge::cli
