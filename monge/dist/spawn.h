// Starts the ranks of a job on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace monge::dist {

/// Starts `ranks` processes of this program with these arguments and the environment that detect_launch reads, in a
/// process group of their own; passes SIGINT, SIGTERM and SIGHUP on to all of them, once each; waits for all. When one
/// ends with an error the others have `grace` seconds to follow. They end with this process, however that ends.
/// @param by   what messages call the way of starting: "--gpus".
/// @param log  told of a rank that a signal ended where no other could say so: before they had met.
/// @return the exit code of rank 0, or of the first rank that failed where rank 0 did not. For one that a signal ended
/// 1, or 128 and
///         the signal's number where this process had passed it on: as a shell has it for one process.
/// @throws SystemError when they cannot be started.
int spawn_ranks(int64_t ranks, const std::vector<std::string>& arguments, const std::string& by,
                const std::function<void(const std::string&)>& log, double grace = 10);

}  // namespace monge::dist
