#include "monge/dist/mpi_transport.h"

#include "monge/core/error.h"
#include "monge/core/user_words.h"

#ifdef MONGE_MPI
#define OMPI_SKIP_MPICXX 1  // the bindings for C++, which MPI 3 removed
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <thread>
#endif

namespace monge::dist {

#ifdef MONGE_MPI

namespace {

void check(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw SystemError(text("MPI, ", what, ": ", std::string(words, static_cast<size_t>(length))));
}

/// Waits without keeping a core busy for long: the computation that overlaps with the sum needs the cores.
void finish(MPI_Request& request, const char* what) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  std::chrono::microseconds pause(20);
  while (true) {
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
    if (done) return;
    if (Clock::now() - began < std::chrono::microseconds(30)) continue;
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(200));
  }
}

class MpiTransport : public Transport {
 public:
  MpiTransport() {
    int provided = 0;
    // The main thread makes the first calls, a thread of ProcessGroup all later ones.
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    require(provided >= MPI_THREAD_SERIALIZED,
            "this MPI does not support calls from several threads, one at a time (MPI_THREAD_SERIALIZED)");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    int rank = 0, size = 0;
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size), "MPI_Comm_size");
    rank_ = rank;
    size_ = size;
  }

  int64_t rank() const override { return rank_; }
  int64_t size() const override { return size_; }
  std::string name() const override { return "MPI"; }

  void sum(const void* from, void* to, int64_t count, torch::ScalarType type) override {
    const auto kind = type == torch::kFloat32   ? MPI_FLOAT
                      : type == torch::kFloat64 ? MPI_DOUBLE
                      : type == torch::kInt64   ? MPI_INT64_T
                                                : MPI_DATATYPE_NULL;
    require(kind != MPI_DATATYPE_NULL, "sums over ranks support float32, float64 and int64; got ", type);
    const auto width = static_cast<int64_t>(c10::elementSize(type));
    for (int64_t at = 0; at < count; at += kMost) {
      const auto length = static_cast<int>(std::min(kMost, count - at));
      auto* out = static_cast<char*>(to) + at * width;
      const void* in = from == to ? MPI_IN_PLACE : static_cast<const char*>(from) + at * width;
      MPI_Request request{};
      check(MPI_Iallreduce(in, out, length, kind, MPI_SUM, MPI_COMM_WORLD, &request), "MPI_Iallreduce");
      finish(request, "MPI_Iallreduce");
    }
  }

  void broadcast(void* data, int64_t bytes, int64_t root) override {
    for (int64_t at = 0; at < bytes; at += kMost) {
      MPI_Request request{};
      check(MPI_Ibcast(static_cast<char*>(data) + at, static_cast<int>(std::min(kMost, bytes - at)), MPI_BYTE,
                       static_cast<int>(root), MPI_COMM_WORLD, &request),
            "MPI_Ibcast");
      finish(request, "MPI_Ibcast");
    }
  }

  std::vector<std::string> gather(const std::string& mine) override {
    const auto ranks = static_cast<size_t>(size_);
    std::vector<int> lengths(ranks), begins(ranks, 0);
    int own = static_cast<int>(mine.size());
    MPI_Request request{};
    check(MPI_Iallgather(&own, 1, MPI_INT, lengths.data(), 1, MPI_INT, MPI_COMM_WORLD, &request), "MPI_Iallgather");
    finish(request, "MPI_Iallgather");
    for (size_t r = 1; r < ranks; ++r) begins[r] = begins[r - 1] + lengths[r - 1];
    std::string all(static_cast<size_t>(begins.back() + lengths.back()), ' ');
    check(MPI_Iallgatherv(mine.data(), own, MPI_CHAR, all.data(), lengths.data(), begins.data(), MPI_CHAR,
                          MPI_COMM_WORLD, &request),
          "MPI_Iallgatherv");
    finish(request, "MPI_Iallgatherv");
    std::vector<std::string> out;
    for (size_t r = 0; r < ranks; ++r)
      out.push_back(all.substr(static_cast<size_t>(begins[r]), static_cast<size_t>(lengths[r])));
    return out;
  }

  void close() override { check(MPI_Finalize(), "MPI_Finalize"); }

 private:
  static constexpr int64_t kMost = 1 << 28;  // counts are ints

  int64_t rank_ = 0, size_ = 1;
};

}  // namespace

bool has_mpi() { return true; }

std::unique_ptr<Transport> make_mpi_transport() { return std::make_unique<MpiTransport>(); }

#else

bool has_mpi() { return false; }

std::unique_ptr<Transport> make_mpi_transport() {
  throw InputError({.what = "this build has no MPI",
                    .fix = "build with -DMONGE_MPI=ON, or start with torchrun, srun or " +
                           user_word("dist::spawn_ranks()") + ", which do not need MPI"});
}

#endif

}  // namespace monge::dist
