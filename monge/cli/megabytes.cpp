#include "monge/cli/megabytes.h"

#include <cstdio>
#include <iostream>
#include <memory>

namespace monge::cli {

std::string size_text(int64_t bytes) {
  char out[32];
  const double size = static_cast<double>(bytes);
  bytes < 1000000 ? std::snprintf(out, sizeof out, "%.1f kB", size / 1e3)
                  : std::snprintf(out, sizeof out, "%.1f MB", size / 1e6);
  return out;
}

std::function<void(int64_t, int64_t)> megabytes(const Common& common, const std::string& label) {
  struct Line {
    std::unique_ptr<Progress> progress;
    int64_t done = 0;
  };
  return [line = std::make_shared<Line>(), style = progress_style(common), label](int64_t done, int64_t total) {
    if (total < 10000000) return;
    const int64_t million = 1000000, now = done / million, all = (total + million - 1) / million;
    if (!line->progress || done < line->done) {
      line->progress = std::make_unique<Progress>(std::cerr, style, label + ", MB", all);
    }
    line->done = done;
    line->progress->update(done == total ? all : now);
    if (done == total) line->progress.reset();
  };
}

}  // namespace monge::cli
