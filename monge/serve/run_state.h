// What the files of a run directory tell about the run, while it trains and afterwards.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace monge::serve {

/// The state of a run:
///
///     method, state ("running": a process holds its lock; "complete"; "stopped"), iteration, of, seconds,
///     best_metric, best_value, best_iteration, verdict, reaches_target, target_error, target_floor, samples (the
///     newest sample image's iteration), report (whether there is one)
///
/// What is not known is null. Only the ends of growing files are read.
nlohmann::ordered_json run_state(const std::filesystem::path& folder);

/// summary.json without the folders of the machine; nothing if there is none yet.
std::optional<nlohmann::ordered_json> run_summary(const std::filesystem::path& folder);

/// The last `most` bytes of a file without the line that they begin in; empty if it cannot be read.
/// @param begin  if given, receives the offset of the result in the file.
std::string end_of_file(const std::filesystem::path& file, int64_t most, int64_t* begin = nullptr);

/// The bytes [begin, begin + most) of a file, fewer at its end; empty if it cannot be read.
std::string part_of_file(const std::filesystem::path& file, int64_t begin, int64_t most);

}  // namespace monge::serve
