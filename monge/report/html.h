// Pieces of HTML.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "monge/run/plot.h"

namespace monge::report {

using run::escaped;

/// <tag class="...">content</tag>; the content is HTML.
inline std::string element(const std::string& tag, const std::string& content, const std::string& style_class = "") {
  return "<" + tag + (style_class.empty() ? "" : " class=\"" + style_class + "\"") + ">" + content + "</" + tag + ">\n";
}

/// A section with a heading. @param id  for links.
inline std::string section(const std::string& id, const std::string& heading, const std::string& content) {
  return "<section id=\"" + id + "\" aria-labelledby=\"" + id + "-heading\">\n<h2 id=\"" + id + "-heading\">" +
         escaped(heading) + "</h2>\n" + content + "</section>\n";
}

/// A part that is folded until a reader opens it.
inline std::string folded(const std::string& summary, const std::string& content) {
  return "<details><summary>" + escaped(summary) + "</summary>\n" + content + "</details>\n";
}

/// A table that scrolls by itself on narrow screens, or stacks its cells there.
/// @param header  HTML; empty: none.  @param rows  cells are HTML; the first of a row is its heading.
inline std::string table(const std::string& label, const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows, bool stacks = false) {
  std::string out = "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"" + escaped(label) +
                    "\"><table" + (stacks ? " class=\"stacks\"" : "") + ">\n";
  if (!header.empty()) {
    out += "<thead><tr>";
    for (const auto& cell : header) out += "<th scope=\"col\">" + cell + "</th>";
    out += "</tr></thead>\n";
  }
  out += "<tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (size_t i = 0; i < row.size(); ++i)
      out += i == 0 ? "<th scope=\"row\">" + row[i] + "</th>"
                    : "<td" + (i < header.size() ? " data-label=\"" + header[i] + "\"" : std::string()) + ">" + row[i] +
                          "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace monge::report
