// Counts of a server for Prometheus.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace monge::serve {

/// Thread-safe. Source of the text: prometheus.io, "Exposition formats", version 0.0.4.
class Counters {
 public:
  /// @param route  a pattern of the API, not what the client wrote: the number of routes is bounded.
  void add_request(const std::string& route, int status, double seconds);
  /// A batch that was translated.
  void add_batch(int64_t requests, int64_t items, double seconds);

  /// Adds a line for a value that is measured when it is asked for.
  void add_gauge(const std::string& name, const std::string& help, std::function<double()> value);

  /// All of it as text.
  std::string text() const;

 private:
  struct Histogram {
    std::vector<int64_t> counts;
    double sum = 0;
    int64_t count = 0;
  };
  struct Gauge {
    std::string name, help;
    std::function<double()> value;
  };
  static void add(Histogram& histogram, const std::vector<double>& bounds, double value);
  static void write(std::string& out, const std::string& name, const std::string& help, const Histogram& histogram,
                    const std::vector<double>& bounds);

  mutable std::mutex guard_;
  std::map<std::pair<std::string, int>, int64_t> requests_;
  Histogram seconds_, batch_requests_, batch_seconds_;
  int64_t items_ = 0;
  std::vector<Gauge> gauges_;
};

/// The memory of this process that is in use, in bytes.
int64_t resident_bytes();

}  // namespace monge::serve
