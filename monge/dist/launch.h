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
    mpi,          ///< MPI_Init finds the other ranks
    environment,  ///< the ranks meet at `host` and `port`
  };
  Kind kind = Kind::alone;
  std::string launcher;  ///< its name for messages: "mpirun", "srun", "torchrun"
  int64_t rank = 0, size = 1;
  std::string host;  ///< of rank 0
  uint16_t port = 0;
  bool agent_listens = false;  ///< a process other than rank 0 already listens there (torchrun's own store)
  /// A descriptor that rank 0 inherited and that listens on `port`. The rendezvous closes it.
  std::optional<int> listening_socket;
  std::string run = "0";  ///< distinguishes this start from earlier ones at the same port
};

/// Returns the value of an environment variable; nothing if it is unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment real_environment();

/// Reads the variables that launchers set. The first row that applies decides:
///
///     variables                                      launcher                     the ranks meet
///     TORCHELASTIC_RUN_ID, MONGE_LAUNCHED_BY         torchrun; --gpus, --ranks    as RANK below: mpirun or srun may
///                                                                                 have started that launcher
///     OMPI_COMM_WORLD_SIZE; PMIX_RANK; PMI_RANK      mpirun, srun --mpi=pmix      in MPI_Init
///     RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT     torchrun, PyTorchJob of      at MASTER_ADDR, MASTER_PORT
///                                                    Kubernetes, --gpus, --ranks
///     SLURM_STEP_NUM_TASKS above 1, SLURM_PROCID     srun without MPI             on the first host of
///                                                                                 SLURM_STEP_NODELIST, at MASTER_PORT
///                                                                                 or a port made of the job's number
///
/// @param mpi  whether this build has MPI; without it, srun's own variables are used.
/// @throws InputError for variables that contradict each other, naming them.
Launch detect_launch(const Environment& environment = real_environment(), bool mpi = has_mpi());

/// The number of ranks that an MPI launcher has set in the environment; nothing if there is none.
std::optional<int64_t> ranks_of_mpi(const Environment& environment = real_environment());

/// The first host of a Slurm list: "gpu[03-07,9],login" gives "gpu03".
std::string first_host(const std::string& list);

}  // namespace monge::dist
