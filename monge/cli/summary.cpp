#include "monge/cli/summary.h"

#include <cmath>
#include <iostream>

#include "monge/core/number.h"
#include "monge/core/quoting.h"
#include "monge/session/summary.h"

namespace monge::cli {

void print_summary(const session::TrainResult& result) {
  const auto& folder = result.folder;
  std::cout << "run        " << folder.string() << "\n";
  if (result.last) {
    const auto& last = *result.last;
    std::cout << "target     error " << number(last.value("target_error")) << ", floor "
              << number(last.value("target_floor")) << " (energy distance, " << last.samples << " held-out samples)\n";
    if (std::isfinite(last.value("feature_error"))) {
      std::cout << "features   error " << number(last.value("feature_error")) << ", floor "
                << number(last.value("feature_floor")) << " (the same of random convolution features)\n";
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
