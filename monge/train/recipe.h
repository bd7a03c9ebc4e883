// A recipe: every option of a training run, assembled from the options of its components. The rows of these options
// define --help, docs/recipes.md, the check of unknown keys and the recipe.toml of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/image_size.h"
#include "monge/core/option_section.h"
#include "monge/core/options.h"
#include "monge/solve/options.h"

namespace monge::train {

/// [source] and [target]: where samples come from and how images are brought to one size.
struct SourceSection {
  std::string path = "";
  ImageSize size = 64;
  int64_t resize_to = 0;
  std::string crop = "centre";
  std::string filter = "bicubic";
  std::string background = "white";
  bool grey = false, convert = true;
  std::string colour = "auto", exif = "apply", range = "full";
  std::string on_error = "fail";

  void describe(OptionRows& rows);
};

/// [data]
struct DataOptions {
  static constexpr const char* kSection = "data";
  static constexpr const char* kHelp = "Data loading";

  bool flip = false;
  int64_t random_crop = 0;
  std::string cache = "auto";
  int64_t cache_mb = 4096, workers = -1, prefetch = 4;
  std::string standardise = "off";

  void describe(OptionRows& rows);
};

/// [checkpoint]
struct CheckpointOptions {
  static constexpr const char* kSection = "checkpoint";
  static constexpr const char* kHelp = "Checkpoints";

  int64_t every = 500, keep = 3;

  void describe(OptionRows& rows);
};

/// [eval]
struct EvalOptions {
  static constexpr const char* kSection = "eval";
  static constexpr const char* kHelp = "Metrics on held-out data";

  int64_t every = 500, samples = 512;
  double holdout = 0.05;
  std::string split = "random", source = "", target = "";
  std::string features = "", mode = "clean", lpips = "", weights = "";
  std::string best = "target_error";
  int64_t patience = 0;

  /// Whether an evaluation comes after `done` iterations, before the next one.
  bool due_after(int64_t done) const { return every > 0 && done % every == 0; }
  /// The same, or after the last of `iterations`.
  bool due_after(int64_t done, int64_t iterations) const {
    return due_after(done) || (every > 0 && done >= iterations);
  }

  void describe(OptionRows& rows);
};

/// [samples]
struct SamplesOptions {
  static constexpr const char* kSection = "samples";
  static constexpr const char* kHelp = "Images of fixed inputs during training";

  int64_t every = 100, count = 8, draws = 4;

  void describe(OptionRows& rows);
};

/// [output]
struct OutputOptions {
  static constexpr const char* kSection = "output";
  static constexpr const char* kHelp = "Outputs of a trained map";

  std::string range = "", size = "";

  void describe(OptionRows& rows);
  /// @throws InputError for a range that parse_value_range refuses, or a size that parse_output_size refuses.
  void check() const;
};

/// [card]: what people should know of a map that they are given. Texts for people; nothing depends on them.
struct CardOptions {
  static constexpr const char* kSection = "card";
  static constexpr const char* kHelp = "What model files tell about the map";

  std::string title = "", description = "", licence = "", credit = "";
  std::string source = "", source_licence = "", target = "", target_licence = "";

  void describe(OptionRows& rows);
  /// @throws InputError for a text of more than 10,000 bytes.
  void check() const;
};

/// The problem, the nets and the loop (solve::SolverOptions), and the options of a run. It has the sections of all
/// methods and nets that were registered before it was constructed.
struct Recipe : solve::SolverOptions {
  std::string name = "run";
  SourceSection source, target;
  DataOptions data;
  CheckpointOptions checkpoint;
  EvalOptions eval;
  SamplesOptions samples;
  OutputOptions output;
  CardOptions card;

  /// The table bound to this object's fields; the recipe must outlive it.
  OptionTable options();
};

/// Reads a TOML file and applies `assignments` ("weak.gamma1=0.5") over it. A relative path in the file starts from the
/// file's folder if it exists there, else from the working folder; a path in an assignment starts from the working
/// folder.
/// @throws InputError for a missing file, bad TOML (with the line), an unknown key (with the nearest one), a wrong type
///         or a value out of range.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments);

/// The same for a text.
/// @param where   the name of the text in errors.
/// @param folder  the folder in which relative paths are searched first; empty: none.
Recipe parse_recipe(const std::string& toml, const std::string& where, const std::vector<std::string>& assignments = {},
                    const std::filesystem::path& folder = {});

/// The recipe that a checkpoint or an exported map holds. Keys that are newer than the file get the value that
/// describes the older behaviour (exif "ignore", colour "rgb"). @throws InputError as parse_recipe.
Recipe saved_recipe(const std::string& toml, const std::string& where);

/// Reads the text after the equals sign of an assignment as the right side of a line of TOML.
/// @return nothing if the text is no value that an option can have, such as an unquoted word or a date.
std::optional<OptionValue> toml_value(const std::string& text);

/// Applies "section.key=value" lines over a recipe. The caller calls validate() afterwards. @throws InputError as
/// read_recipe.
void assign(Recipe& recipe, const std::vector<std::string>& assignments);

/// Makes relative paths that exist absolute, also inside "font:FILE?...", so that the recipe means the same in every
/// working folder.
void make_paths_absolute(Recipe& recipe);

/// Checks conditions on several options at once; each section checks its own. @throws InputError that names the keys.
void validate(const Recipe& recipe);

}  // namespace monge::train
