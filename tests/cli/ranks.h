// Jobs of several processes, as users start them.
#pragma once

#include <cmath>

#include "monge/dist/mpi_transport.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"
#include "tests/support/ranks.h"

namespace monge {

using testing::appears;
using testing::Running;

constexpr double kPatience = 120;

class CliRanks : public Cli {
 protected:
  void SetUp() override {
    Cli::SetUp();
    // A test may itself have been started by a launcher.
    for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) ::unsetenv(name);
    ::setenv("OMP_WAIT_POLICY", "passive", 1);
  }

  static std::string program() { return "'" MONGE_PROGRAM "' "; }

  /// The words before a command that uses MPI. Open MPI frees little, and what it allocated in modules that it has
  /// unloaded no suppression can name.
  static std::string with_mpi() {
#if defined(__SANITIZE_ADDRESS__)
    return "env ASAN_OPTIONS=handle_sigbus=0:detect_leaks=0 ";
#else
    return "";
#endif
  }
  /// mpirun for more ranks than the machine has cores as well.
  static std::string mpirun() { return with_mpi() + "mpirun --allow-run-as-root --oversubscribe --bind-to none "; }
  static std::string mpirun(int ranks) { return mpirun() + "-np " + std::to_string(ranks) + " " + program(); }

  /// Trains to the end. @param how  a launcher's words before `train` and words behind it.
  void train(const std::string& launcher, const std::string& words, const std::string& run) {
    Running job(folder.path(), launcher + "train v.toml --out " + run + " --threads 1 " + words, run);
    ASSERT_EQ(job.wait(kPatience), 0) << job.err();
  }

  nn::NamedTensors state(const std::string& run) {
    return train::load_newest(folder / run / "checkpoints", silent()).tensors;
  }

  /// Largest difference of a tensor relative to its norm.
  double difference(const std::string& a, const std::string& b) {
    const auto one = state(a), other = state(b);
    EXPECT_EQ(one.size(), other.size());
    double out = 0;
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i].first, other[i].first);
      const auto x = one[i].second.to(torch::kFloat64), y = other[i].second.to(torch::kFloat64);
      // Gradients that cancel to nothing, as those of biases before batch norm, are rounding alone.
      const double here = (x - y).norm().item<double>() / std::max(x.norm().item<double>(), 1e-6);
      if (here > 1e-6)
        ADD_FAILURE() << one[i].first << " differs by " << here << " of its norm " << x.norm().item<double>();
      out = std::max(out, here);
    }
    return out;
  }

  const std::string exact = " --set train.precision=fp64 --set train.iterations=20 --set data.standardise=joint ";
  // All checkpoints are kept: a test that waits for one finds it, however fast the machine.
  const std::string endless =
      " --set train.iterations=10000000 --set checkpoint.every=5 --set checkpoint.keep=1000000 --set eval.every=0 "
      "--set samples.every=0 ";
};

// Two hosts as far as TCP knows: namespaces with an address each.
class Namespaces {
 public:
  Namespaces() {
    const auto id = std::to_string(::getpid() % 100000);
    for (const char* end : {"a", "b"}) names_.push_back("mg" + id + end);
    made_ = run("ip netns add " + names_[0]) && run("ip netns add " + names_[1]) &&
            run("ip link add " + names_[0] + " type veth peer name " + names_[1]);
    for (int i = 0; i < 2 && made_; ++i) {
      const auto& n = names_[static_cast<size_t>(i)];
      made_ = run("ip link set " + n + " netns " + n) &&
              run("ip -n " + n + " addr add 10.213.7." + std::to_string(i + 1) + "/24 dev " + n) &&
              run("ip -n " + n + " link set " + n + " up") && run("ip -n " + n + " link set lo up");
    }
  }
  ~Namespaces() {
    for (const auto& name : names_) {
      run("ip netns del " + name);
      std::error_code ignored;
      std::filesystem::remove_all("/etc/netns/" + name, ignored);
    }
  }

  /// From here on "first" is the name of host 0: its address on host 1, and on itself the loopback, as distributions
  /// have it.
  bool name_first() const {
    for (int i = 0; i < 2; ++i) {
      const std::filesystem::path folder = "/etc/netns/" + names_[static_cast<size_t>(i)];
      std::error_code fault;
      std::filesystem::create_directories(folder, fault);
      std::ofstream(folder / "hosts") << "127.0.0.1 localhost\n" << (i == 0 ? "127.0.1.1" : "10.213.7.1") << " first\n";
      if (!std::filesystem::exists(folder / "hosts")) return false;
    }
    return true;
  }

  bool made() const { return made_; }
  std::string inside(int host, const std::string& line) const {
    return "ip netns exec " + names_[static_cast<size_t>(host)] + " unshare --uts sh -c \"hostname host" +
           std::to_string(host) + " && exec " + line + "\"";
  }
  const std::string& name(int host) const { return names_[static_cast<size_t>(host)]; }

 private:
  static bool run(const std::string& line) { return std::system((line + " >/dev/null 2>&1").c_str()) == 0; }
  std::vector<std::string> names_;
  bool made_ = false;
};

}  // namespace monge
