#include "monge/run/data_record.h"

#include <nlohmann/json.hpp>

#include "monge/core/files.h"

namespace monge::run {
namespace {

using nlohmann::ordered_json;

ordered_json side(const data::Source& kept, const data::Source& held_out) {
  auto remarks = kept.open_report();
  if (kept.open_report().left_out != held_out.open_report().left_out) {  // eval.source or eval.target: a set of its own
    for (const auto& [list, more] : {std::pair{&remarks.left_out, held_out.open_report().left_out},
                                     {&remarks.converted, held_out.open_report().converted}}) {
      list->insert(list->end(), more.begin(), more.end());
    }
  }
  ordered_json out{{"name", kept.name()},
                   {"items", kept.size()},
                   {"held_out", &kept == &held_out ? 0 : held_out.size()},
                   {"shape", kept.item_shape()},
                   {"left_out", remarks.left_out.size()},
                   {"left_out_files", remarks.left_out},
                   {"noticed", remarks.noticed},
                   {"converted", remarks.converted.size()},
                   {"converted_files", remarks.converted}};
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
