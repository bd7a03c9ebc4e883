// Device work that is recorded once and repeated as a whole, so that the host launches one graph and not thousands of
// kernels.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace monge::solve {

/// Bodies of work by key. A body reads and writes tensors at fixed places only, asks the device for no value and
/// allocates nothing that is used outside it. On a CUDA device it runs on a stream of its own, a few times as it is
/// (libraries choose their algorithms and make their workspaces then), then it is captured and from there on replayed.
/// On a CPU it is called.
class GraphCache {
 public:
  /// Whether this build can capture on `device`.
  static bool can_capture(torch::Device device);

  explicit GraphCache(torch::Device device);
  ~GraphCache();
  GraphCache(const GraphCache&) = delete;
  GraphCache& operator=(const GraphCache&) = delete;

  /// Runs `body`, in order with the work of the current stream before and after it.
  /// @param key         tells bodies apart that launch other work.
  /// @param generators  that the body draws from, at the start of their streams.
  /// @throws InputError      naming what could not be captured.
  void run(const std::string& key, const std::function<void()>& body, const std::vector<torch::Generator>& generators);

  /// Kernels that the graph replayed last launches; nothing where none was replayed.
  std::optional<int64_t> kernels() const;

  /// Forgets all graphs: what they read or wrote has another place now.
  void clear();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::solve
