#include "monge/dist/launch.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/user_words.h"

namespace monge::dist {
namespace {

int64_t number_of(const std::string& name, const std::string& value, int64_t least, int64_t most) {
  int64_t out = 0;
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (fault != std::errc() || end != value.data() + value.size() || out < least || out > most) {
    throw InputError({.what = "the environment variable of the launcher has an invalid value",
                      .where = name,
                      .value = '"' + value + '"',
                      .allowed = text(least, "..", most),
                      .fix = "the launcher sets it; unset it to run a single process"});
  }
  return out;
}

constexpr int64_t kMostRanks = 1 << 20;

}  // namespace

Environment real_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value && *value ? std::optional<std::string>(value) : std::nullopt;
  };
}

std::optional<int64_t> ranks_of_mpi(const Environment& environment) {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const auto value = environment(name)) return number_of(name, *value, 1, kMostRanks);
  }
  return {};
}

std::string first_host(const std::string& list) {
  std::string out;
  for (size_t i = 0; i < list.size() && list[i] != ','; ++i) {
    if (list[i] != '[') {
      out += list[i];
      continue;
    }
    const auto end = list.find_first_of(",-]", i);
    out += list.substr(i + 1, end - i - 1);
    i = list.find(']', i);
    if (i == std::string::npos) break;
  }
  return out;
}

Launch detect_launch(const Environment& environment, bool mpi) {
  Launch launch;
  // torchrun and our own starter may themselves have been started by mpirun or srun, whose variables their ranks then
  // share.
  const bool by_torch = environment("TORCHELASTIC_RUN_ID") || environment("MONGE_LAUNCHED_BY");
  for (const auto& [name, by] :
       {std::pair{"OMPI_COMM_WORLD_SIZE", "mpirun"}, {"PMIX_RANK", "srun"}, {"PMI_RANK", "mpiexec"}}) {
    if (by_torch || !environment(name)) continue;
    // srun's variables suffice without MPI, and its own PMI is not Open MPI's.
    if (environment("SLURM_STEP_NUM_TASKS") && (!mpi || std::string_view(name) == "PMI_RANK")) break;
    launch.kind = Launch::Kind::mpi;
    launch.launcher = by;
    return launch;
  }
  const auto rank = environment("RANK"), size = environment("WORLD_SIZE");
  if (rank && size) {
    launch.kind = Launch::Kind::environment;
    launch.launcher =
        environment("MONGE_LAUNCHED_BY")
            .value_or(environment("TORCHELASTIC_RUN_ID") ? "torchrun" : "the environment (RANK, WORLD_SIZE)");
    launch.size = number_of("WORLD_SIZE", *size, 1, kMostRanks);
    launch.rank = number_of("RANK", *rank, 0, launch.size - 1);
    if (launch.size == 1) return launch;
    const auto host = environment("MASTER_ADDR"), port = environment("MASTER_PORT");
    if (!host || !port) {
      throw InputError(
          {.what = text("WORLD_SIZE = ", launch.size, " announces several ranks, but their meeting address is missing"),
           .where = host ? "MASTER_PORT" : "MASTER_ADDR",
           .value = "unset",
           .fix = "set both MASTER_ADDR (the host of rank 0) and MASTER_PORT, or start with torchrun, mpirun or " +
                  user_word("dist::spawn_ranks()")});
    }
    launch.host = *host;
    launch.port = static_cast<uint16_t>(number_of("MASTER_PORT", *port, 1, 65535));
    if (const auto socket = environment("MONGE_MASTER_SOCKET"); socket && launch.rank == 0) {
      launch.listening_socket = static_cast<int>(number_of("MONGE_MASTER_SOCKET", *socket, 3, 1 << 20));
    }
    launch.agent_listens = environment("TORCHELASTIC_USE_AGENT_STORE").value_or("") == "True";
    launch.run = environment("TORCHELASTIC_RUN_ID").value_or("0") + "." +
                 environment("TORCHELASTIC_RESTART_COUNT").value_or("0");
    return launch;
  }
  const auto tasks = environment("SLURM_STEP_NUM_TASKS"), task = environment("SLURM_PROCID"),
             nodes = environment("SLURM_STEP_NODELIST");
  if (tasks && task && nodes && *tasks != "1") {
    launch.kind = Launch::Kind::environment;
    launch.launcher = "srun";
    launch.size = number_of("SLURM_STEP_NUM_TASKS", *tasks, 2, kMostRanks);
    launch.rank = number_of("SLURM_PROCID", *task, 0, launch.size - 1);
    launch.host = first_host(*nodes);
    const auto job = environment("SLURM_JOB_ID").value_or("0"), step = environment("SLURM_STEP_ID").value_or("0");
    const int64_t of_job = number_of("SLURM_JOB_ID", job, 0, INT64_MAX / 64),
                  of_step = number_of("SLURM_STEP_ID", step, 0, INT64_MAX / 64);
    launch.port = static_cast<uint16_t>(24000 + (of_job * 8 + of_step) % 8000);
    if (const auto port = environment("MASTER_PORT"))
      launch.port = static_cast<uint16_t>(number_of("MASTER_PORT", *port, 1, 65535));
    launch.run = job + "." + step;
  }
  return launch;
}

}  // namespace monge::dist
