#include "monge/run/data_record.h"

#include <nlohmann/json.hpp>

#include "monge/core/files.h"

namespace monge::run {
namespace {

using nlohmann::ordered_json;

/// The record of one side of the training.
ordered_json side(const data::Source& kept, const data::Source& held_out) {
  auto report = kept.open_report();
  if (kept.open_report().left_out != held_out.open_report().left_out) {  // the held-out set has a path of its own
    for (const auto& [list, more] : {std::pair{&report.left_out, held_out.open_report().left_out},
                                     {&report.converted, held_out.open_report().converted}}) {
      list->insert(list->end(), more.begin(), more.end());
    }
  }
  ordered_json out{{"name", kept.name()},
                   {"items", kept.size()},
                   {"held_out", &kept == &held_out ? 0 : held_out.size()},
                   {"shape", kept.item_shape()},
                   {"left_out", report.left_out.size()},
                   {"left_out_files", report.left_out},
                   {"noticed", report.noticed},
                   {"converted", report.converted.size()},
                   {"converted_files", report.converted}};
  if (const auto columns = kept.table_names().columns; !columns.empty()) out["columns"] = columns;
  return out;
}

}  // namespace

void write_data_record(const std::filesystem::path& folder, const train::TrainingData& data) {
  const ordered_json record{{"source", side(*data.source, *data.held_source)},
                            {"target", side(*data.target, *data.held_target)}};
  real_files().replace(folder / "data.json", record.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace monge::run
