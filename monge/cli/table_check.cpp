#include "monge/cli/table_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iostream>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/check_table.h"
#include "monge/io/column_choice.h"
#include "monge/session/check_report.h"

namespace monge::cli {
namespace {

/// The name of a column, or its number if it has none.
std::string label(const data::TableReport& r, int64_t column) {
  const auto& name = r.columns[static_cast<size_t>(column)].name;
  return name.empty() ? text("column ", column) : shown(name);
}

/// Prints the number of items, then the first `most` of them.
void print_items(const char* label, size_t count, int64_t most, const std::function<std::string(size_t)>& line) {
  std::printf("%-14s %zu\n", label, count);
  const size_t listed = most == 0 ? count : std::min(count, static_cast<size_t>(most));
  for (size_t i = 0; i < listed; ++i) std::printf("  %s\n", printable(line(i)).c_str());
  if (listed < count) std::printf("  and %zu more (--most 0 lists all)\n", count - listed);
}

void print_columns(const data::TableReport& r, int64_t most) {
  std::printf("%-24s %15s %12s %15s %15s %9s\n", "column", "mean", "sd", "min", "max", "missing");
  const size_t listed = most == 0 ? r.columns.size() : std::min(r.columns.size(), static_cast<size_t>(most));
  for (size_t d = 0; d < listed; ++d) {
    const auto& c = r.columns[d];
    const auto name = printable(label(r, static_cast<int64_t>(d)));
    if (c.least <= c.most) {
      std::printf("%-24s %15.9g %12.6g %15.9g %15.9g", name.c_str(), c.mean, c.deviation, c.least, c.most);
    } else {
      std::printf("%-24s %15s %12s %15s %15s", name.c_str(), "-", "-", "-", "-");  // no value is finite
    }
    std::printf(" %9lld%s\n", static_cast<long long>(c.missing),
                c.infinite > 0 ? text("  ", c.infinite, " not finite in float32").c_str() : "");
  }
  if (listed < r.columns.size()) std::printf("  and %zu more (--most 0 lists all)\n", r.columns.size() - listed);
}

void print_table(const data::TableReport& r, int64_t most) {
  std::printf("%-14s %s\n%-14s %lld rows x %zu columns\n", "source", printable(r.name).c_str(), "table",
              static_cast<long long>(r.rows), r.columns.size());
  if (!r.reading.empty()) std::printf("%-14s %s\n", "read as", printable(r.reading).c_str());
  for (const auto& warning : r.warnings) std::printf("%-14s %s\n", "warning", printable(warning).c_str());
  print_columns(r, most);
  const auto column = [&](const std::vector<int64_t>& list) {
    return [&r, &list](size_t i) { return label(r, list[i]); };
  };
  const auto pair = [](const auto& list, const char* of) {
    return [&list, of](size_t i) { return text("row ", list[i].first, "  =  ", of, "row ", list[i].second); };
  };
  print_items("incomplete", r.incomplete.size(), most, [&](size_t i) { return text("row ", r.incomplete[i]); });
  const auto constant = r.constant(), beyond = r.beyond_float32();
  print_items("constant", constant.size(), most, column(constant));
  print_items("beyond float32", beyond.size(), most, [&](size_t i) {
    const auto& c = r.columns[static_cast<size_t>(beyond[i])];
    return text(label(r, beyond[i]), "  differs by ", c.deviation, " at ", c.mean, ", where float32 has steps of ",
                std::nextafter(static_cast<float>(std::abs(c.mean)), INFINITY) - static_cast<float>(std::abs(c.mean)),
                "; data.standardise preserves it");
  });
  const auto filled = r.with_fill_values();
  print_items("fill values", filled.size(), most, [&](size_t i) {
    return text(label(r, filled[i]), "  ", data::in_words(*r.columns[static_cast<size_t>(filled[i])].fill));
  });
  print_items("duplicates", r.duplicates.size(), most, pair(r.duplicates, ""));
  if (r.against > 0) print_items("leaked", r.leaked.size(), most, pair(r.leaked, "the other's "));
}

}  // namespace

int check_table(const Common& common, const std::string& source, const std::string& against, int64_t most,
                bool strict) {
  const auto report = data::check_table(source, against, progress_callback(common, "checking"), stop_flag());
  if (!report.complete) {
    log_sink(common)(LogLevel::warning, "stopped; an incomplete check is not printed");
    return kStopped;
  }
  const bool passed = session::passes(report, strict);
  if (common.json) {
    std::cout << session::report_json(report, passed) << std::endl;
  } else {
    print_table(report, most);
    const char* fit =
        report.with_fill_values().empty()
            ? "fit to train on"
            : "fit to train on, except the rows with fill values, if these values mean missing ones: see above";
    std::printf("%-14s %s\n", "verdict", passed ? fit : "not fit to train on as it is: see above");
  }
  return passed ? kDone : kUsage;
}

}  // namespace monge::cli
