// How this process was started: alone, or as one rank of a job.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "monge/dist/mpi_transport.h"

namespace monge::dist {

struct Launch {
  enum class Kind {
    alone,        ///< no launcher
    mpi,          ///< MPI_Init says the rest
    environment,  ///< the ranks meet at `host` and `port`
  };
  Kind kind = Kind::alone;
  std::string by;  ///< "mpirun", "srun", "torchrun", for messages
  int64_t rank = 0, size = 1;
  std::string host;  ///< of rank 0
  uint16_t port = 0;
  bool met_by_agent = false;   ///< something else than rank 0 listens there already (torchrun's own store)
  std::optional<int> listens;  ///< descriptor that rank 0 inherited, on which `port` is open already
  std::string run = "0";       ///< tells this start from earlier ones at the same port
};

/// Reads an environment variable; nothing when it is unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment real_environment();

/// By the variables that launchers set, the first that there are of:
///
///     TORCHELASTIC_RUN_ID, MONGE_LAUNCHED_BY            as RANK below, since mpirun or srun may have started that
///     launcher OMPI_COMM_WORLD_SIZE; PMIX_RANK; PMI_RANK         MPI: mpirun, srun --mpi=pmix RANK, WORLD_SIZE,
///     MASTER_ADDR, MASTER_PORT        torchrun, PyTorchJob of Kubernetes, monge's own --gpus and --ranks
///     SLURM_STEP_NUM_TASKS above 1, SLURM_PROCID        srun without MPI: the first host of SLURM_STEP_NODELIST, a
///     port made
///                                                       of the job's number, or MASTER_PORT
///
/// @throws Error for variables that contradict each other, naming them.
/// @param mpi  whether this build has MPI; without it what srun says counts.
Launch detect_launch(const Environment& environment = real_environment(), bool mpi = has_mpi());

/// How many ranks a launcher of MPI says that there are; nothing where none says so.
std::optional<int64_t> ranks_of_mpi(const Environment& environment = real_environment());

/// The first host of a Slurm list: "gpu[03-07,9],login" gives "gpu03".
std::string first_host(const std::string& list);

}  // namespace monge::dist
