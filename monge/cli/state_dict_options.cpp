#include "monge/cli/state_dict_options.h"

#include <algorithm>
#include <functional>

#include "monge/core/error.h"
#include "monge/core/image_size.h"

namespace monge::cli {

void add_z_std(CLI::App& command, session::StateDictOptions& options) {
  command
      .add_option("--z-std", options.z_std,
                  "Standard deviation of the noise, for a state dict without a recipe; default: 0.1")
      ->check(CLI::PositiveNumber);
}

void add_state_dict_options(CLI::App& command, session::StateDictOptions& options) {
  const std::function<std::string(std::string)> check = [](const std::string& words) {
    constexpr int64_t kLeastSide = 8, kMostSide = 4096;
    const auto size = parse_image_size(words);
    const bool good =
        size && std::min(size->width, size->height) >= kLeastSide && std::max(size->width, size->height) <= kMostSide;
    return good ? std::string()
                : text("got \"", words, "\"; allowed: WIDTHxHEIGHT or one number, each side ", kLeastSide, " to ",
                       kMostSide, " pixels");
  };
  command
      .add_option_function<std::string>(
          "--size", [&options](const std::string& words) { options.size = parse_image_size(words).value_or(0); },
          "Size to which images are cropped and resized, for a state dict without a recipe: WIDTHxHEIGHT or one "
          "number, in pixels; default: 64")
      ->check(check)
      ->type_name("SIZE");
  add_z_std(command, options);
}

}  // namespace monge::cli
