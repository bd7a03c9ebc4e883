#include "monge/cli/summary.h"

#include <cmath>
#include <iostream>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/quoting.h"
#include "monge/eval/metrics.h"
#include "monge/session/summary.h"

namespace monge::cli {
namespace {

/// "luma 1.1, chroma 4.5 (grain)"; "" for vectors and where it is not measured.
std::string texture_text(const eval::Evaluation& evaluation) {
  std::string out;
  for (const auto& [name, what] : {std::pair{"texture_luma", "luma "}, {"texture_chroma", "chroma "}}) {
    const double value = evaluation.value(name);
    if (!std::isfinite(value)) continue;
    out += text(out.empty() ? "" : ", ", what, number(value, 3), eval::metrics().find(name)->warning_for(value));
  }
  return out;
}

}  // namespace

void print_summary(const session::TrainResult& result) {
  const auto& folder = result.folder;
  std::cout << "run        " << folder.string() << "\n";
  if (result.last) {
    const auto& last = *result.last;
    std::cout << "target     error " << number(last.value("target_error")) << ", floor "
              << number(last.value("target_floor")) << " (energy distance, " << last.samples << " held-out samples)\n";
    if (std::isfinite(last.value("feature_error"))) {
      std::cout << "features   error " << number(last.value("feature_error")) << ", floor "
                << number(last.value("feature_floor")) << " (energy distance of random convolution features)\n";
    }
    if (const auto texture = texture_text(last); !texture.empty()) {
      std::cout << "texture    " << texture << ": finest detail, outputs over target; 1 is right\n";
    }
    for (const auto& [name, value] : last.image_metrics) {
      std::cout << name << std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') << number(value) << "\n";
    }
    if (!result.protocol.empty()) std::cout << session::protocol_line(result.protocol, last) << "\n";
    std::cout << "verdict    the map " << last.verdict() << "\ncost       " << number(last.value("cost")) << "\n";
  }
  std::cout << "report     " << (folder / "report.html").string() << "\nuse it     monge translate "
            << shell_quoted(folder.string()) << " INPUT OUTPUT" << std::endl;
}

}  // namespace monge::cli
