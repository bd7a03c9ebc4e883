#include "monge/dist/nccl.h"

#include "monge/core/error.h"

#ifdef MONGE_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <nccl.h>

#include <cstring>
#endif

namespace monge::dist {

std::unique_ptr<ProcessGroup> make_nccl_group_of_one(torch::Device device) {
  auto group = std::make_unique<ProcessGroup>();
  if (device.is_cuda()) group->use_gpu(make_nccl_sums(*group, device));
  return group;
}

#ifdef MONGE_CUDA

namespace {

void check(ncclResult_t code, const char* what, ncclComm_t communicator = nullptr) {
  if (code == ncclSuccess) return;
  const char* last = ncclGetLastError(communicator);
  throw SystemError(text("NCCL, ", what, ": ", ncclGetErrorString(code), last && *last ? text(" (", last, ")") : ""));
}

ncclDataType_t type_of(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return ncclFloat32;
    case torch::kFloat64:
      return ncclFloat64;
    default:
      throw InputError(text("sums over GPUs support float32 and float64; got ", type));
  }
}

class NcclWork : public Work {
 public:
  NcclWork(torch::Tensor from, torch::Tensor to, at::cuda::CUDAEvent done)
      : from_(std::move(from)), to_(std::move(to)), done_(std::move(done)) {}

  void wait() override { done_.block(c10::cuda::getCurrentCUDAStream(to_.device().index())); }

 private:
  torch::Tensor from_, to_;  // kept alive until the caller has waited
  at::cuda::CUDAEvent done_;
};

class NcclSums : public GpuSums {
 public:
  NcclSums(ProcessGroup& group, torch::Device device)
      : stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index())) {
    ncclUniqueId id{};
    if (group.is_root()) check(ncclGetUniqueId(&id), "ncclGetUniqueId");
    const auto root_id = group.broadcast(std::string(id.internal, sizeof id.internal));
    std::memcpy(id.internal, root_id.data(), sizeof id.internal);
    check(ncclCommInitRank(&communicator_, static_cast<int>(group.size()), id, static_cast<int>(group.rank())),
          "ncclCommInitRank");
  }
  ~NcclSums() override { ncclCommDestroy(communicator_); }

  std::unique_ptr<Work> start_sum(const torch::Tensor& from, const torch::Tensor& to) override {
    const auto current = c10::cuda::getCurrentCUDAStream(from.device().index());
    at::cuda::CUDAEvent ready, done;
    ready.record(current);
    ready.block(stream_);
    check(ncclAllReduce(from.const_data_ptr(), to.mutable_data_ptr(), static_cast<size_t>(from.numel()),
                        type_of(from.scalar_type()), ncclSum, communicator_, stream_.stream()),
          "ncclAllReduce", communicator_);
    done.record(stream_);
    return std::make_unique<NcclWork>(from, to, std::move(done));
  }

 private:
  c10::cuda::CUDAStream stream_;
  ncclComm_t communicator_ = nullptr;
};

}  // namespace

bool has_nccl() { return true; }

std::unique_ptr<GpuSums> make_nccl_sums(ProcessGroup& group, torch::Device device) {
  if (!device.has_index()) device = torch::Device(torch::kCUDA, 0);
  // This remains set, because code that uses the current GPU must not initialise another rank's.
  c10::cuda::set_device(device.index());
  // Two ranks on one GPU would wait for each other's kernels, and NCCL's own message names neither rank.
  cudaDeviceProp properties{};
  C10_CUDA_CHECK(cudaGetDeviceProperties(&properties, device.index()));
  std::string uuid;
  for (const char byte : properties.uuid.bytes) uuid += text(static_cast<int>(static_cast<unsigned char>(byte)), '.');
  const auto all = group.gather(text(group.location().host, ' ', uuid));
  for (size_t a = 0; a < all.size(); ++a) {
    for (size_t b = 0; b < a; ++b) {
      if (all[a] != all[b]) continue;
      throw InputError({.what = text("ranks ", b, " and ", a, " on host ", group.location(static_cast<int64_t>(a)).host,
                                     " use the same GPU"),
                        .fix = "start at most as many ranks on a host as it has GPUs"});
    }
  }
  return std::make_unique<NcclSums>(group, device);
}

#else

bool has_nccl() { return false; }

std::unique_ptr<GpuSums> make_nccl_sums(ProcessGroup&, torch::Device) {
  throw InputError({.what = "this build has no NCCL", .fix = "build the preset cuda"});
}

#endif

}  // namespace monge::dist
