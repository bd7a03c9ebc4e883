// Runs the kernels of .cu files on the CPU, to test their arithmetic, their indexing and their barriers without a GPU.
// Include it before a .cu file, after everything else.
//
// A block's threads are fibers of one thread: each runs until it ends or meets a barrier (__syncthreads, a warp
// shuffle), where it waits for the others. Blocks run one after the other, so that __shared__ may be static. The order
// of blocks and of threads between barriers can be turned round: a kernel whose results then differ misses a barrier or
// lets blocks depend on each other. Not seen: speed, alignment, registers, races that both orders hide.
//
// A barrier that some threads of the block or warp never reach is reported by std::runtime_error.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define MONGE_EMULATED 1
#define MONGE_KERNELS emulated  // the namespace of the kernels: a build with CUDA holds the real ones as well

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

struct dim3 {
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  unsigned x, y, z;
};
struct uint2 {
  unsigned x, y;
};
struct uint4 {
  unsigned x, y, z, w;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace monge::testing {

/// A launch: one kernel over its grid.
class Emulator {
 public:
  /// Both orders of the threads and blocks, for tests.
  inline static bool backwards = false;
  /// Threads that ran, over all launches: a test of tests.
  inline static int64_t threads_run = 0;

  static void run(dim3 grid, dim3 block, const std::function<void()>& kernel) {
    if (block.x == 0 || block.x * block.y * block.z > 1024 || grid.x == 0 || grid.y > 65535 || grid.z > 65535) {
      throw std::runtime_error("cuda_on_cpu: no GPU takes this grid and block");
    }
    gridDim = grid;
    blockDim = block;
    Emulator emulator(kernel);
    const unsigned blocks = grid.x * grid.y * grid.z;
    for (unsigned i = 0; i < blocks; ++i) {
      const unsigned at = backwards ? blocks - 1 - i : i;
      blockIdx = dim3(at % grid.x, at / grid.x % grid.y, at / grid.x / grid.y);
      emulator.run_block();
    }
  }

  static void wait_for_block() { current_->pause(State::at_block_barrier); }
  static void wait_for_warp() { current_->pause(State::at_warp_barrier); }

  /// What the thread of the same warp at `lane` gives, all of them giving something.
  static float exchange(float value, unsigned lane) {
    Emulator& self = *current_;
    const unsigned me = self.running_, first = me / 32 * 32;
    self.fibers_[me].given = value;
    wait_for_warp();
    const float out = self.fibers_[first + lane % 32].given;
    wait_for_warp();  // before anyone gives again
    return out;
  }
  static unsigned lane() { return current_->running_ % 32; }

 private:
  enum class State { ready, at_block_barrier, at_warp_barrier, done };
  struct Fiber {
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    State state = State::ready;
    dim3 index;
    float given = 0;
  };
  static constexpr size_t kStack = 64 << 10;

  explicit Emulator(const std::function<void()>& kernel) : kernel_(kernel) {
    const unsigned count = blockDim.x * blockDim.y * blockDim.z;
    if (count % 32 != 0) throw std::runtime_error("cuda_on_cpu: a block must be whole warps");
    fibers_.resize(count);
    for (auto& fiber : fibers_) fiber.stack.reset(new char[kStack]);
  }

  static void enter() {
    current_->kernel_();
    current_->pause(State::done);
  }

  void pause(State state) {
    Fiber& fiber = fibers_[running_];
    fiber.state = state;
    swapcontext(&fiber.context, &scheduler_);
  }

  void run_block() {
    current_ = this;
    const auto count = static_cast<unsigned>(fibers_.size());
    for (unsigned i = 0; i < count; ++i) {
      Fiber& fiber = fibers_[i];
      fiber.state = State::ready;
      fiber.index = dim3(i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y);
#ifdef __SANITIZE_ADDRESS__
      // The last fiber here never returned from its functions: what they marked is still marked.
      __asan_unpoison_memory_region(fiber.stack.get(), kStack);
#endif
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.get();
      fiber.context.uc_stack.ss_size = kStack;
      fiber.context.uc_link = nullptr;
      makecontext(&fiber.context, enter, 0);
    }
    for (bool working = true; working;) {
      for (unsigned i = 0; i < count; ++i) {
        running_ = backwards ? count - 1 - i : i;
        if (fibers_[running_].state != State::ready) continue;
        threadIdx = fibers_[running_].index;
        swapcontext(&scheduler_, &fibers_[running_].context);
      }
      working = release(0, count, State::at_block_barrier);
      for (unsigned first = 0; first < count; first += 32) {
        working = release(first, first + 32, State::at_warp_barrier) || working;
      }
    }
    for (const auto& fiber : fibers_) {
      if (fiber.state != State::done) {
        throw std::runtime_error("cuda_on_cpu: some threads wait at a barrier that others never reach");
      }
    }
    threads_run += count;
  }

  /// Lets the fibers [first, last) go on if all of them wait at this barrier.
  bool release(unsigned first, unsigned last, State barrier) {
    for (unsigned i = first; i < last; ++i) {
      if (fibers_[i].state != barrier) return false;
    }
    for (unsigned i = first; i < last; ++i) fibers_[i].state = State::ready;
    return true;
  }

  inline static Emulator* current_ = nullptr;
  const std::function<void()>& kernel_;
  std::vector<Fiber> fibers_;
  ucontext_t scheduler_;
  unsigned running_ = 0;
};

}  // namespace monge::testing

inline void __syncthreads() { monge::testing::Emulator::wait_for_block(); }
inline void __syncwarp() { monge::testing::Emulator::wait_for_warp(); }
inline float __shfl_xor_sync(unsigned, float value, unsigned mask) {
  return monge::testing::Emulator::exchange(value, monge::testing::Emulator::lane() ^ mask);
}
inline float __shfl_down_sync(unsigned, float value, unsigned down) {
  const unsigned lane = monge::testing::Emulator::lane();
  return monge::testing::Emulator::exchange(value, lane + down < 32 ? lane + down : lane);
}
inline float atomicAdd(float* to, float value) {
  const float before = *to;
  *to += value;
  return before;
}
inline float __uint_as_float(uint32_t bits) {
  float out;
  std::memcpy(&out, &bits, 4);
  return out;
}
inline uint32_t __float_as_uint(float x) {
  uint32_t out;
  std::memcpy(&out, &x, 4);
  return out;
}

// Where the kernels' files find it: as launch() of device.h.
namespace monge::nn::ops {
inline namespace MONGE_KERNELS {
template <class... Parameters, class... Arguments>
int launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void* /*stream*/, Arguments... arguments) {
  monge::testing::Emulator::run(grid, block, [&] { kernel(static_cast<Parameters>(arguments)...); });
  return 0;
}
}  // namespace MONGE_KERNELS
}  // namespace monge::nn::ops
