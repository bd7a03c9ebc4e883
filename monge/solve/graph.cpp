#include "monge/solve/graph.h"

#ifdef MONGE_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <exception>
#include <map>

#include "monge/core/error.h"
#endif

namespace monge::solve {

const ValueNames<Capture>& capture_names() {
  static const ValueNames<Capture> names{{"auto", Capture::automatic}, {"on", Capture::on}, {"off", Capture::off}};
  return names;
}

#ifdef MONGE_CUDA

namespace {

// Eager runs before a capture. cuDNN tries its algorithms in the first; LibTorch recommends several.
constexpr int64_t kWarm = 3;

/// Makes `second` wait for all work that is on `first` now.
void order(const c10::cuda::CUDAStream& first, const c10::cuda::CUDAStream& second) {
  at::cuda::CUDAEvent event;
  event.record(first);
  event.block(second);
}

int64_t kernels_of(cudaGraph_t graph) {
  size_t count = 0;
  C10_CUDA_CHECK(cudaGraphGetNodes(graph, nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  C10_CUDA_CHECK(cudaGraphGetNodes(graph, nodes.data(), &count));
  int64_t kernels = 0;
  for (const auto node : nodes) {
    cudaGraphNodeType type{};
    C10_CUDA_CHECK(cudaGraphNodeGetType(node, &type));
    kernels += type == cudaGraphNodeTypeKernel ? 1 : 0;
  }
  return kernels;
}

/// Turns an error of LibTorch during a capture into an InputError with the fix; rethrows other exceptions unchanged.
[[noreturn]] void rethrow_as_ours(const std::exception_ptr& why) {
  try {
    std::rethrow_exception(why);
  } catch (const c10::Error& error) {
    throw InputError(
        {.what = text("the iteration cannot be captured as a CUDA graph: ", error.what_without_backtrace()),
         .where = "train.graph",
         .fix = "set train.graph = \"off\""});
  }
}

}  // namespace

struct GraphCache::State {
  struct Entry {
    int64_t runs = 0, kernels = 0;
    std::unique_ptr<at::cuda::CUDAGraph> graph;
  };
  torch::Device device = torch::kCPU;
  std::optional<c10::cuda::CUDAStream> stream;
  at::cuda::MempoolId_t pool{0, 0};  // one for all graphs, which never run at the same time
  std::map<std::string, Entry> entries;
  std::optional<int64_t> kernels;  // of the graph replayed last
};

bool GraphCache::can_capture(torch::Device device) { return device.is_cuda(); }

GraphCache::GraphCache(torch::Device device) : state_(std::make_unique<State>()) { state_->device = device; }

void GraphCache::run(const std::string& key, const std::function<void()>& body,
                     const std::vector<torch::Generator>& generators) {
  if (!state_->device.is_cuda()) {
    body();
    return;
  }
  if (!state_->stream) {
    state_->stream = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, state_->device.index());
    state_->pool = at::cuda::graph_pool_handle();
  }
  const auto outside = c10::cuda::getCurrentCUDAStream(state_->device.index());
  order(outside, *state_->stream);
  {
    const c10::cuda::CUDAStreamGuard inside(*state_->stream);
    auto& entry = state_->entries[key];
    if (entry.runs < kWarm) {
      body();
    } else {
      if (!entry.graph) {
        auto graph = std::make_unique<at::cuda::CUDAGraph>(/*keep_graph=*/true);  // its kernels are counted
        for (const auto& generator : generators) graph->register_generator_state(generator);
        // A capture cannot reuse the memory that the eager runs left in the allocator, and needs as much again.
        state_->stream->synchronize();
        c10::cuda::CUDACachingAllocator::emptyCache();
        // Loader threads pin memory at the same time; the global mode would treat that as a part of the capture.
        graph->capture_begin(state_->pool, cudaStreamCaptureModeThreadLocal);
        try {
          body();
          graph->capture_end();
        } catch (...) {
          const auto why = std::current_exception();
          try {
            graph->capture_end();  // the stream must leave the capture mode, whatever the error was
          } catch (const c10::Error&) {
            // The capture is broken already; the first error says why.
          }
          rethrow_as_ours(why);
        }
        entry.kernels = kernels_of(graph->raw_cuda_graph());
        graph->instantiate();
        entry.graph = std::move(graph);
      }
      entry.graph->replay();
      state_->kernels = entry.kernels;
    }
    ++entry.runs;
  }
  order(*state_->stream, outside);
}

std::optional<int64_t> GraphCache::kernels() const { return state_->kernels; }

void GraphCache::clear() {
  state_->entries.clear();
  state_->kernels.reset();
  // The allocator drops a pool with its last graph.
  if (state_->stream) state_->pool = at::cuda::graph_pool_handle();
}

#else

struct GraphCache::State {};

bool GraphCache::can_capture(torch::Device) { return false; }

GraphCache::GraphCache(torch::Device) : state_(std::make_unique<State>()) {}

void GraphCache::run(const std::string&, const std::function<void()>& body, const std::vector<torch::Generator>&) {
  body();
}

std::optional<int64_t> GraphCache::kernels() const { return {}; }

void GraphCache::clear() {}

#endif

GraphCache::~GraphCache() = default;

}  // namespace monge::solve
