// Collective operations through MPI, for jobs started by mpirun or srun --mpi=pmix.
#pragma once

#include <memory>

#include "monge/dist/transport.h"

namespace monge::dist {

/// Whether this build has MPI.
bool has_mpi();

/// Calls MPI_Init_thread, so call it once in a process. @throws InputError in a build without MPI.
std::unique_ptr<Transport> make_mpi_transport();

}  // namespace monge::dist
