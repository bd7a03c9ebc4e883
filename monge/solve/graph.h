// Captures device work as a graph and replays it, so that the host launches one graph and not thousands of kernels.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/value_names.h"

namespace monge::solve {

/// The values of train.graph: whether an outer iteration is captured. `automatic` captures where it can.
enum class Capture { automatic, on, off };

/// "auto", "on", "off".
const ValueNames<Capture>& capture_names();

/// Graphs of bodies of work, by key. A body reads and writes tensors at fixed addresses only, reads no value from the
/// device and allocates nothing that is used outside it. On a CUDA device it runs on a stream of its own: the first
/// runs are eager, because libraries then choose their algorithms and allocate their workspaces; the next run captures
/// the body, and all later runs replay the graph. On a CPU each run calls the body.
class GraphCache {
 public:
  /// Whether this build can capture on `device`.
  static bool can_capture(torch::Device device);

  explicit GraphCache(torch::Device device);
  ~GraphCache();
  GraphCache(const GraphCache&) = delete;
  GraphCache& operator=(const GraphCache&) = delete;

  /// Runs `body`, ordered after the earlier and before the later work of the current stream.
  /// @param key         bodies that launch different work have different keys.
  /// @param generators  those that the body draws from, at the start of their streams.
  /// @throws InputError naming what could not be captured.
  void run(const std::string& key, const std::function<void()>& body, const std::vector<torch::Generator>& generators);

  /// The number of kernels in the graph that was replayed last; unset if none was replayed.
  std::optional<int64_t> kernels() const;

  /// Drops all graphs. Call it when the tensors that they read or write have other addresses.
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::solve
