// How long the threads of OpenMP spin while they wait.
#pragma once

namespace monge::cli {

/// Bounds the time for which waiting threads of libgomp occupy a core, by starting the program anew with GOMP_SPINCOUNT
/// set. Libgomp reads it when it is loaded, which is before main, and has no other way to be told.
///
/// Libgomp's default of 300,000 turns is milliseconds: on a machine with other work a thread then spins away the time in
/// which the thread that it waits for could run. The count and its measurements: docs/performance.md, "Beside other work".
///
/// Does nothing where the user set GOMP_SPINCOUNT or OMP_WAIT_POLICY, in the program that was started anew, and where the
/// program cannot be started (no /proc). Call it first in main.
void bound_spinning(char** argv);

}  // namespace monge::cli
