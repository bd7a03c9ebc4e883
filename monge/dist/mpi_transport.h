// Collective operations by MPI, for jobs that mpirun or srun --mpi=pmix started.
#pragma once

#include <memory>

#include "monge/dist/transport.h"

namespace monge::dist {

/// Whether this build can.
bool has_mpi();

/// Calls MPI_Init_thread. Once a process. @throws Error in a build without MPI.
std::unique_ptr<Transport> make_mpi_transport();

}  // namespace monge::dist
