#include "monge/core/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ostream>

#include "monge/core/error.h"

namespace monge {

std::string duration(double seconds) {
  char out[48];
  const auto whole = static_cast<long long>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) {
    std::snprintf(out, sizeof out, "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(out, sizeof out, "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(out, sizeof out, "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return out;
}

Progress::Progress(std::ostream& out, Style style, std::string label, int64_t total, double plain_seconds)
    : out_(out),
      style_(style),
      label_(std::move(label)),
      total_(total),
      plain_seconds_(plain_seconds),
      began_(Clock::now()),
      last_(began_),
      remaining_(total) {}

Progress::~Progress() { finish(); }

std::string Progress::line(int64_t done, const std::string& suffix) const {
  const double spent = std::chrono::duration<double>(Clock::now() - began_).count();
  std::string out = text(label_, "  ", done, "/", total_, "  ", 100 * done / std::max<int64_t>(total_, 1), " %");
  if (const auto left = remaining_.seconds()) out += "  " + duration(*left) + " left";
  if (done >= total_) out += "  in " + duration(spent);
  if (!suffix.empty()) out += "  " + suffix;
  return out;
}

void Progress::update(int64_t done, const std::string& suffix) {
  last_done_ = done;
  last_suffix_ = suffix;
  if (style_ == Style::quiet) return;
  const auto now = Clock::now();
  remaining_.add(std::chrono::duration<double>(now - began_).count(), done);
  const double since = std::chrono::duration<double>(now - last_).count();
  const bool due = !shown_ || done >= total_ || since >= (style_ == Style::terminal ? 0.1 : plain_seconds_);
  if (!due) return;
  last_ = now;
  shown_ = true;
  const auto shown = line(done, suffix);
  if (style_ == Style::terminal) {
    // A shorter line must cover the tail of the longer one before it.
    out_ << '\r' << shown << std::string(width_ > shown.size() ? width_ - shown.size() : 0, ' ') << std::flush;
    width_ = shown.size();
    open_ = true;
  } else {
    out_ << shown << std::endl;
  }
}

void Progress::finish() {
  if (open_) out_ << "\r" << line(last_done_, last_suffix_) << std::endl;
  open_ = false;
  width_ = 0;
}

}  // namespace monge
