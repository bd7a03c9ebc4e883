// bench_sums: times the sum over the ranks of a job. Start it like a training:
//
//   mpirun -np 2 build/release/bench/bench_sums
//   torchrun --no-python --nproc-per-node 8 build/cuda/bench/bench_sums --device cuda
//
// The root prints one JSON object for each size: bytes, seconds of one sum (median), and the bytes per second that a
// ring moves through each link, 2 (N - 1) / N bytes / seconds.
#include <torch/cuda.h>
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "monge/core/error.h"
#include "monge/core/named_values.h"
#include "monge/dist/job.h"
#include "monge/dist/nccl.h"

namespace monge {
namespace {

void run(bool on_gpu) {
  dist::Job job(
      dist::detect_launch(), {},
      {.report =
           [](const dist::JobFailure& failure) { std::fprintf(stderr, "bench_sums: %s\n", failure.message.c_str()); },
       .end_process = [](const dist::JobFailure& failure) { std::_Exit(failure.code); }});
  auto& group = job.group();
  torch::Device device = torch::kCPU;
  if (on_gpu) {
    const auto seen = static_cast<int64_t>(torch::cuda::device_count());
    device = torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(seen > 1 ? group.location().local_rank : 0));
    group.use_gpu(dist::make_nccl_sums(group, device));
  }
  using Clock = std::chrono::steady_clock;
  for (int64_t bytes = 1 << 10; bytes <= (int64_t{256} << 20); bytes *= 4) {
    const auto from = torch::ones({bytes / 4}, torch::dtype(torch::kFloat32).device(device)),
               to = torch::empty_like(from);
    std::vector<double> seconds;
    const int64_t times = std::clamp<int64_t>((int64_t{64} << 20) / bytes, 5, 200);
    for (int64_t i = 0; i < times + 2; ++i) {
      group.barrier();
      if (on_gpu) torch::cuda::synchronize(device.index());
      const auto began = Clock::now();
      group.start_sum(from, to)->wait();
      if (on_gpu) torch::cuda::synchronize(device.index());
      if (i >= 2) seconds.push_back(std::chrono::duration<double>(Clock::now() - began).count());
    }
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2), seconds.end());
    const double median = seconds[seconds.size() / 2], n = static_cast<double>(group.size());
    if (!group.is_root()) continue;
    const NamedValues record{{"ranks", group.size()},
                             {"transport", on_gpu ? std::string("NCCL") : group.transport_name()},
                             {"bytes", bytes},
                             {"seconds", median},
                             {"link_bytes_per_second", 2 * (n - 1) / n * static_cast<double>(bytes) / median}};
    std::printf("%s\n", json_line(record).c_str());
    std::fflush(stdout);
  }
  job.finish();
}

}  // namespace
}  // namespace monge

int main(int count, char** words) {
  try {
    const bool on_gpu = count == 3 && std::strcmp(words[1], "--device") == 0 && std::strcmp(words[2], "cuda") == 0;
    monge::require(count == 1 || on_gpu, "takes nothing, or --device cuda");
    monge::run(on_gpu);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_sums: %s\n", error.what());
    return 1;
  }
}
