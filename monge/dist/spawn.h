// The launcher for the ranks of a job on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace monge::dist {

/// Starts `ranks` processes of this program with the environment that detect_launch reads, each in a Unix process group
/// of its own, and waits for all of them. It passes each SIGINT, SIGTERM and SIGHUP on to all ranks. When a rank fails,
/// the others have `grace` seconds to end; then they are killed. The ranks also end when this process ends, however it
/// ends. Not thread-safe: it changes signal handlers and waits for every child of this process.
/// @param arguments  of each rank, argv[0] first.
/// @param by         the name of this launcher in messages: "--gpus".
/// @param log        receives a line when a signal ended a rank before the ranks had met, because no rank can report it
///                   then; may be empty.
/// @return the exit code of rank 0 unless it is 0; else that of the first rank, in order, whose code is not 0; else 0.
///         A rank that a signal ended counts as 1, or as 128 + the signal's number if this process had passed the
///         signal on, as a shell does for one process.
/// @throws SystemError when a rank cannot be started.
int spawn_ranks(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by,
                const std::function<void(const std::string&)>& log, double grace = 10);

}  // namespace monge::dist
