// A run directory with made-up content, for tests of pages and lists.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "monge/train/recipe.h"

namespace monge::testing {

/// What a made-up run holds beside its recipe.
struct RunFiles {
  std::string metrics = {};  ///< of metrics.jsonl
  std::string log = {}, summary = {}, data = {};
};

/// A line of metrics.jsonl with an evaluation.
inline std::string evaluation_line(int iteration, double error, const std::string& more = "") {
  return "{\"iteration\":" + std::to_string(iteration) + ",\"seconds\":" + std::to_string(iteration) +
         ",\"eval\":{\"target_error\":" + std::to_string(error) + ",\"target_floor\":0.01,\"target_start\":1" + more +
         "}}\n";
}

inline void write_text(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

/// Writes the run to a folder. A recipe without data gets some.
inline void write_run(const std::filesystem::path& folder, train::Recipe recipe, const RunFiles& files = {}) {
  if (recipe.source.path.empty()) recipe.source.path = "toy:gaussian";
  if (recipe.target.path.empty()) recipe.target.path = "toy:moons";
  write_text(folder / "recipe.toml", recipe.options().to_toml(true));
  write_text(folder / "environment.json", "{\"monge\": \"0.1.0\", \"device\": \"cpu\"}");
  if (!files.metrics.empty()) write_text(folder / "metrics.jsonl", files.metrics);
  if (!files.log.empty()) write_text(folder / "log.txt", files.log);
  if (!files.summary.empty()) write_text(folder / "summary.json", files.summary);
  if (!files.data.empty()) write_text(folder / "data.json", files.data);
}

/// data.json of two sides with items of this shape.
inline std::string data_json(const std::string& shape, int left_out = 0) {
  const auto side = "{\"name\": \"photos\", \"items\": 1000, \"held_out\": 50, \"shape\": " + shape +
                    ", \"left_out\": " + std::to_string(left_out) + ", \"converted\": 0}";
  return "{\"source\": " + side + ", \"target\": " + side + "}";
}

}  // namespace monge::testing
