// A recipe: every option of a training run, assembled from the options of its components. --help, docs/recipes.md, the
// check of unknown keys and the run's record are made from their rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/option_section.h"
#include "monge/core/options.h"
#include "monge/solve/options.h"

namespace monge::train {

/// [source] and [target]: where samples come from and how an image is made to fit.
struct SourceSection {
  std::string path = "";
  int64_t size = 64, resize_to = 0;
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
  static constexpr const char* kHelp = "Loading";

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
  static constexpr const char* kHelp = "What is kept";

  int64_t every = 500, keep = 3;

  void describe(OptionRows& rows);
};

/// [eval]
struct EvalOptions {
  static constexpr const char* kSection = "eval";
  static constexpr const char* kHelp = "Metrics on data that is not trained on";

  int64_t every = 500, samples = 512;
  double holdout = 0.05;
  std::string split = "random", source = "", target = "";
  std::string features = "", mode = "clean", lpips = "", weights = "";
  std::string best = "target_error";
  int64_t patience = 0;

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
  static constexpr const char* kHelp = "What a trained map gives";

  std::string range = "";

  void describe(OptionRows& rows);
  /// @throws InputError for a range that parse_value_range refuses.
  void check() const;
};

/// The problem, the nets and the loop (solve::SolverOptions), and what a run adds to them. Methods and nets that are
/// registered before it is made bring their sections.
struct Recipe : solve::SolverOptions {
  std::string name = "run";
  SourceSection source, target;
  DataOptions data;
  CheckpointOptions checkpoint;
  EvalOptions eval;
  SamplesOptions samples;
  OutputOptions output;

  /// The table bound to this object's fields; the recipe must outlive it.
  OptionTable options();
};

/// Reads a TOML file and applies `assignments` ("weak.gamma1=0.5") over it. Relative paths in the file are taken from
/// the file's folder if they exist there, else from the working folder; those of assignments from the working folder.
/// @throws InputError  missing file, bad TOML (with line), unknown key (with the nearest), wrong type, value out of
/// range.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments);

/// The same from a text.
/// @param where   named in errors.
/// @param folder  where relative paths are looked for first; empty: nowhere.
Recipe parse_recipe(const std::string& toml, const std::string& where, const std::vector<std::string>& assignments = {},
                    const std::filesystem::path& folder = {});

/// The recipe that a checkpoint or an exported map holds: keys that it lacks because it was saved before there were
/// such keep what was done then (exif "ignore", colour "rgb"). @throws InputError as parse_recipe.
Recipe saved_recipe(const std::string& toml, const std::string& where);

/// Reads what stands after the equals sign of an assignment, as the right side of a line of TOML.
/// @return  nothing where it is no value that an option can have: a bare word, a date.
std::optional<OptionValue> toml_value(const std::string& text);

/// Applies "section.key=value" lines over a recipe; validate() is the caller's. @throws InputError as read_recipe.
void assign(Recipe& recipe, const std::vector<std::string>& assignments);

/// Makes relative paths that exist absolute, also inside "font:FILE?...", so that the recipe means the same from any
/// folder.
void make_paths_absolute(Recipe& recipe);

/// Checks what goes beyond single options; each section checks its own part. @throws InputError that names the keys.
void validate(const Recipe& recipe);

}  // namespace monge::train
