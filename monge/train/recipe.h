// A recipe: every option of a training run. The table in recipe.cpp is the only place where a key, its default, unit,
// range and help stand; --help, docs/recipes.md, the check of unknown keys and the run's record are made from it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/core/options.h"
#include "monge/ot/smoothing.h"

namespace monge::train {

/// Where samples come from and how an image is made to fit.
struct SourceSection {
  std::string path = "";
  int64_t size = 64, resize_to = 0;
  std::string crop = "centre";
  std::string filter = "bicubic";
  std::string background = "white";
  bool grey = false, convert = true;
  std::string colour = "auto", exif = "apply", range = "full";
  std::string on_error = "fail";
};

struct Recipe {
  std::string name = "run";
  std::string method = "strong";
  SourceSection source, target;
  struct {
    bool flip = false;
    int64_t random_crop = 0;
    std::string cache = "auto";
    int64_t cache_mb = 4096, workers = -1, prefetch = 4;
    std::string standardise = "off";
  } data;
  struct {
    std::string scale = "mean";
  } cost;
  struct {
    double gamma0 = 0.0, gamma1 = 0.66;
    int64_t gamma_iters = 500, z = 4, z_channels = 1;
    double z_std = 0.1;
  } weak;
  struct {
    double gamma = 1.0 / 3.0;
    int64_t gamma_iters = 0, z = 4, z_channels = 1;
    double z_std = 1.0;
  } kernel;
  struct {
    std::string sigma_law = "edm";
    double sigma_min = 0.02, sigma_max = 100.0, p_mean = -1.2, p_std = 1.2;
    std::string weight = "edm";
    double sigma_data = 0.5;
    bool normalise = true;
    double clip = 5.0;
    std::string embedding = "log";
    int64_t embedding_channels = 16;
    bool scale_input = true;
  } noised;
  struct {
    std::string cost = "strong";
    std::string smoothing = "ve";
    double eps_start = 1.0;
    std::string eps_end = "auto";
    std::string schedule = "geometric";
    double anneal = 0.7;
    int64_t levels = 8;
    double tint = 0.0;
  } otp;
  struct {
    std::string net = "auto";
    int64_t width = 0, depth = 0, patch = 1;
    std::string activation = "silu", norm = "batch";
    bool residual = false, zero_last = false;
    std::string output = "none";
  } map;
  struct {
    std::string net = "auto";
    int64_t width = 0, width_max = 512, depth = 3, patch = 1;
    std::string activation = "silu";
    double res_ratio = 0.1;
    bool quadratic = false, zero_last = false;
    double r1 = 0.0;
    int64_t r1_every = 1;
    double expectile = 0.0, expectile_level = 0.98;
  } potential;
  struct {
    std::string init = "";
    int64_t iterations = 10000, batch = 64, k_t = 10, accumulate = 1;
    double lr_map = 2e-4, lr_potential = 2e-4;
    std::vector<double> betas = {0.0, 0.9};
    double eps = 1e-8, weight_decay = 0.0;
    std::string schedule = "constant";
    std::vector<int64_t> milestones = {};
    double decay = 0.5;
    int64_t warmup = 0;
    double ema = 0.999, clip = 0.0;
    std::string precision = "fp32", device = "auto";
    bool channels_last = true, fused = true, gpu_kernels = true, eval_map_in_potential_step = false;
    bool recompute = false, tf32 = true, cudnn_benchmark = true, deterministic = false;
    std::string graph = "auto";
    int64_t seed = 0, threads = 0;
  } train;
  struct {
    bool sync_batch_norm = false;
    int64_t bucket_mb = 25;
    double timeout = 600;
  } parallel;
  struct {
    int64_t every = 500, keep = 3;
  } checkpoint;
  struct {
    int64_t every = 500, samples = 512;
    double holdout = 0.05;
    std::string split = "random", source = "", target = "";
    std::string features = "", mode = "clean", lpips = "", weights = "";
    std::string best = "target_error";
    int64_t patience = 0;
  } eval;
  struct {
    int64_t every = 100, count = 8, draws = 4;
  } samples;
  struct {
    std::string range = "";
  } output;

  /// The table bound to this object's fields; the recipe must outlive it.
  OptionTable options();
};

/// Reads a TOML file and applies `assignments` ("weak.gamma1=0.5") over it. Relative paths in the file are taken from
/// the file's folder if they exist there, else from the working folder; those of assignments from the working folder.
/// @throws Error  missing file, bad TOML (with line), unknown key (with the nearest), wrong type, value out of range.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& assignments);

/// The same from a text.
/// @param where   named in errors.
/// @param folder  where relative paths are looked for first; empty: nowhere.
Recipe parse_recipe(const std::string& toml, const std::string& where, const std::vector<std::string>& assignments = {},
                    const std::filesystem::path& folder = {});

/// The recipe that a checkpoint or an exported map holds: keys that it lacks because it was saved before there were
/// such keep what was done then (exif "ignore", colour "rgb"). @throws Error as parse_recipe.
Recipe saved_recipe(const std::string& toml, const std::string& where);

/// Applies "section.key=value" lines over a recipe; validate() is the caller's. @throws Error as read_recipe.
void assign(Recipe& recipe, const std::vector<std::string>& assignments);

/// Makes relative paths that exist absolute, also inside "font:FILE?...", so that the recipe means the same from any
/// folder.
void make_paths_absolute(Recipe& recipe);

/// Checks between keys that the table cannot say: Z of a stochastic method, betas, sigma range.
/// @throws Error that names both keys.
void validate(const Recipe& recipe);

/// Whether the method's map takes noise; then how many draws, channels and which standard deviation.
struct MapNoise {
  int64_t draws = 1;     ///< Z of a map update
  int64_t channels = 0;  ///< extra channels (images) or entries (vectors); 0: the map is deterministic
  double std = 0.0;
};
MapNoise map_noise(const Recipe& recipe);

/// The method whose cost and potential are trained: otp.cost for otp, else `method` itself.
const std::string& cost_method(const Recipe& recipe);

/// What is done to inputs when a map of `iteration` outer iterations is used: the level that its last one was trained
/// at. No smoothing for methods other than otp.
/// @throws Error when otp.eps_end is still "auto" (see resolve_noise_level) or out of range.
ot::Smoothing source_smoothing(const Recipe& recipe, int64_t iteration);

/// For a run that gets another length: sets otp.anneal so that the noise goes on falling over as many iterations as it
/// did with `iterations_before`. Changes nothing, to the last bit, where the length stays.
/// @throws Error when the run would be shorter than that.
void keep_annealing(Recipe& recipe, int64_t iterations_before);

/// [otp] as the method takes it. @throws Error as source_smoothing.
ot::SmoothingOptions smoothing_options(const Recipe& recipe);

}  // namespace monge::train
