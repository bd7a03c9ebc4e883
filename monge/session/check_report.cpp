#include "monge/session/check_report.h"

#include <nlohmann/json.hpp>

#include "monge/session/summary.h"

namespace monge::session {
namespace {

using nlohmann::ordered_json;

ordered_json counts(const data::ImageReport::Count& values) {
  auto out = ordered_json::object();
  for (const auto& [value, count] : values) out[std::to_string(value)] = count;
  return out;
}

ordered_json pairs(const std::vector<std::pair<std::string, std::string>>& list) {
  auto out = ordered_json::array();
  for (const auto& [a, b] : list) out.push_back({a, b});
  return out;
}

/// The number of 16-bit images and the range of their values; null if there are none.
ordered_json sixteen_bit_json(const io::NoteCounts& notes) {
  if (notes.sixteen_bit == 0) return nullptr;
  return {{"images", notes.sixteen_bit}, {"least", notes.least}, {"largest", notes.largest}};
}

ordered_json json_of(const data::ImageReport& r, bool passed) {
  auto converted = ordered_json::array();
  for (const auto& [name, kind] : r.converted) converted.push_back({name, io::conversion_name(kind)});
  ordered_json out{{"source", r.name},
                   {"images", r.images},
                   {"corrupt", r.corrupt.size()},
                   {"duplicates", r.duplicates.size()},
                   {"widths", counts(r.widths)},
                   {"heights", counts(r.heights)},
                   {"channels", counts(r.channels)},
                   {"near_empty", r.near_empty.size()},
                   {"converted", r.converted.size()},
                   {"oriented", r.oriented.size()},
                   {"without_end", r.without_end.size()},
                   {"several_pages", r.several_pages.size()},
                   {"sixteen_bit", sixteen_bit_json(r.notes)},
                   {"leaked", r.against > 0 ? ordered_json(r.leaked.size()) : ordered_json(nullptr)},
                   {"unread", r.unread.size()},
                   {"damaged", r.damaged.size()},
                   {"bytes", r.bytes},
                   {"passed", passed},
                   {"corrupt_files", r.corrupt},
                   {"duplicate_files", pairs(r.duplicates)},
                   {"near_empty_files", r.near_empty},
                   {"converted_files", converted},
                   {"oriented_files", r.oriented},
                   {"without_end_files", r.without_end},
                   {"several_pages_files", r.several_pages},
                   {"leaked_files", pairs(r.leaked)},
                   {"unread_files", r.unread},
                   {"damaged_files", r.damaged}};
  return out;
}

ordered_json labels(const data::TableReport& r, const std::vector<int64_t>& columns) {
  auto out = ordered_json::array();
  for (const int64_t column : columns) {
    const auto& name = r.columns[static_cast<size_t>(column)].name;
    out.push_back(name.empty() ? ordered_json(column) : ordered_json(name));
  }
  return out;
}

ordered_json fill_values(const data::ColumnReport& column) {
  auto out = ordered_json::array();
  if (!column.fill) return out;
  for (const auto& [value, rows] : column.fill->values) out.push_back({{"value", value}, {"rows", rows}});
  return out;
}

ordered_json json_of(const data::TableReport& r, bool passed) {
  auto columns = ordered_json::array();
  for (const auto& c : r.columns) {
    const bool some = c.least <= c.most;
    columns.push_back({{"name", c.name.empty() ? ordered_json(nullptr) : ordered_json(c.name)},
                       {"mean", some ? ordered_json(c.mean) : ordered_json(nullptr)},
                       {"sd", some ? ordered_json(c.deviation) : ordered_json(nullptr)},
                       {"min", some ? ordered_json(c.least) : ordered_json(nullptr)},
                       {"max", some ? ordered_json(c.most) : ordered_json(nullptr)},
                       {"missing", c.missing},
                       {"infinite", c.infinite},
                       {"constant", c.constant},
                       {"beyond_float32", c.beyond_float32},
                       {"fill_values", fill_values(c)}});
  }
  return {{"source", r.name},
          {"rows", r.rows},
          {"columns", r.columns.size()},
          {"reading", r.reading.empty() ? ordered_json(nullptr) : ordered_json(r.reading)},
          {"warnings", r.warnings},
          {"missing", r.missing()},
          {"incomplete", r.incomplete.size()},
          {"constant", labels(r, r.constant())},
          {"beyond_float32", labels(r, r.beyond_float32())},
          {"fill_values", labels(r, r.with_fill_values())},
          {"duplicates", r.duplicates.size()},
          {"leaked", r.against > 0 ? ordered_json(r.leaked.size()) : ordered_json(nullptr)},
          {"passed", passed},
          {"column_list", columns},
          {"incomplete_rows", r.incomplete},
          {"duplicate_rows", r.duplicates},
          {"leaked_rows", r.leaked}};
}

}  // namespace

bool passes(const data::ImageReport& report, bool strict) {
  return !report.bad() && !(strict && (!report.duplicates.empty() || !report.near_empty.empty() ||
                                       !report.converted.empty() || !report.without_end.empty()));
}

bool passes(const data::TableReport& report, bool strict) {
  return !report.bad() &&
         !(strict && (!report.duplicates.empty() || !report.constant().empty() || !report.beyond_float32().empty() ||
                      !report.with_fill_values().empty() || !report.warnings.empty()));
}

std::string report_json(const data::ImageReport& report, bool passed) { return json_text(json_of(report, passed)); }
std::string report_json(const data::TableReport& report, bool passed) { return json_text(json_of(report, passed)); }

}  // namespace monge::session
