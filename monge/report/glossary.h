// What the figures of a run mean, for its page: one row for each key of metrics.jsonl.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace monge::report {

/// The parts of a page in which figures stand.
enum class FigureGroup {
  target,    ///< whether the map reaches its target
  networks,  ///< distances by trained networks
  map,       ///< what the map does to its inputs
  losses,    ///< of the training
  rates      ///< learning rates
};

struct Figure {
  std::string name;  ///< as metrics.jsonl has it, "eval." for evaluations; may hold one '*', which stands for any text
  std::string title;
  std::string meaning;  ///< a sentence or two
  FigureGroup group;
};

/// The row of a key: the first that fits. Keys without a row get their name as title and an empty meaning.
Figure figure_of(const std::string& key);

/// The heading of a group.
const char* heading_of(FigureGroup group);

/// All groups in the order of the page.
const std::vector<FigureGroup>& figure_groups();

}  // namespace monge::report
