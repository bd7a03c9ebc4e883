// What a person asks of a run: did it work, how good is it, what should change?
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monge/report/run_record.h"

namespace monge::report {

enum class Grade { good, near, bad, unknown };

/// A measured property of the map, as a card shows it.
struct Fact {
  std::string label, value;
  std::string note = {};  ///< what the value means
};

struct Findings {
  std::string learned;                ///< a sentence: what was learned from what
  std::string purpose;                ///< what it is good for, or what the verdict is about
  std::string progress;               ///< the state: "Complete: 3,000 iterations in 12 min 30 s."
  Grade grade = Grade::unknown;       ///< of the verdict
  std::string verdict;                ///< "The map reaches its target"
  std::string measured;               ///< error, floor and start of the verdict in numbers; empty without them
  std::optional<double> way = {};     ///< the fraction of the way from source to target that is done, in [0, 1]
  std::vector<Fact> facts;            ///< how far inputs move, how diverse the outputs are, best and last step, ...
  std::vector<std::string> warnings;  ///< each with what to do
};

Findings findings_of(const RunRecord& run);

/// 0.8699 as "87 %"; less than 1 is at most "99.9 %".
std::string percent(double fraction);

/// 12345 as "12,345".
std::string grouped(int64_t value);

/// The last part of a path without its parameters, for a title; the text itself if it is no path.
std::string short_name(const std::string& path);

}  // namespace monge::report
