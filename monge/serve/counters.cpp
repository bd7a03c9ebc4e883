#include "monge/serve/counters.h"

#include <unistd.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/core/number.h"

namespace monge::serve {
namespace {

const std::vector<double> kSeconds{0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30};
const std::vector<double> kBatch{1, 2, 4, 8, 16, 32, 64, 128, 256};

std::string heading(const std::string& name, const std::string& help, const char* type) {
  return text("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

std::string digits(double value) { return number(value, 12); }

}  // namespace

void Counters::add(Histogram& histogram, const std::vector<double>& bounds, double value) {
  histogram.counts.resize(bounds.size());
  for (size_t i = 0; i < bounds.size(); ++i) histogram.counts[i] += value <= bounds[i];
  histogram.sum += value;
  ++histogram.count;
}

void Counters::add_request(const std::string& route, int status, double seconds) {
  const std::lock_guard lock(guard_);
  ++requests_[{route, status}];
  add(seconds_, kSeconds, seconds);
}

void Counters::add_batch(int64_t requests, int64_t items, double seconds) {
  const std::lock_guard lock(guard_);
  add(batch_requests_, kBatch, static_cast<double>(requests));
  add(batch_seconds_, kSeconds, seconds);
  items_ += items;
}

void Counters::add_gauge(const std::string& name, const std::string& help, std::function<double()> value) {
  const std::lock_guard lock(guard_);
  gauges_.push_back({name, help, std::move(value)});
}

void Counters::write(std::string& out, const std::string& name, const std::string& help, const Histogram& histogram,
                     const std::vector<double>& bounds) {
  out += heading(name, help, "histogram");
  for (size_t i = 0; i < bounds.size(); ++i) {
    const int64_t count = histogram.counts.empty() ? 0 : histogram.counts[i];
    out += monge::text(name, "_bucket{le=\"", digits(bounds[i]), "\"} ", count, "\n");
  }
  out += monge::text(name, "_bucket{le=\"+Inf\"} ", histogram.count, "\n", name, "_sum ", digits(histogram.sum), "\n",
                     name, "_count ", histogram.count, "\n");
}

std::string Counters::text() const {
  const std::lock_guard lock(guard_);
  auto out = heading("monge_requests_total", "Answers by route and status.", "counter");
  for (const auto& [key, count] : requests_) {
    out += monge::text("monge_requests_total{route=\"", key.first.empty() ? "other" : key.first, "\",status=\"",
                       key.second, "\"} ", count, "\n");
  }
  write(out, "monge_request_seconds", "Seconds from the header of a request to its answer.", seconds_, kSeconds);
  write(out, "monge_batch_requests", "Requests that were translated together.", batch_requests_, kBatch);
  write(out, "monge_batch_seconds", "Seconds of computing a batch.", batch_seconds_, kSeconds);
  out += heading("monge_items_translated_total", "Outputs that were computed.", "counter");
  out += monge::text("monge_items_translated_total ", items_, "\n");
  for (const auto& gauge : gauges_)
    out += heading(gauge.name, gauge.help, "gauge") + gauge.name + " " + digits(gauge.value()) + "\n";
  return out;
}

int64_t resident_bytes() {
  std::ifstream in("/proc/self/statm");
  int64_t size = 0, resident = 0;
  in >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace monge::serve
