// Starts the ranks of a job on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monge::dist {

/// Starts `ranks` processes of this program with these arguments and the environment that detect_launch reads, in a process group
/// of their own; passes SIGINT, SIGTERM and SIGHUP on to all of them, once each; waits for all. When one ends with an error the
/// others have `grace` seconds to follow. They end with this process, however that ends.
/// @param by  what messages call the way of starting: "--gpus".
/// @return the exit code of rank 0, or of the first rank that failed where rank 0 did not; 1 for one that a signal ended.
/// @throws SystemError when they cannot be started.
int spawn_ranks(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by, double grace = 30);

}  // namespace monge::dist
