// The rendezvous of ranks that were started without MPI.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "monge/dist/launch.h"
#include "monge/dist/socket.h"
#include "monge/dist/transport.h"

namespace monge::dist {

/// Meets the other ranks at launch.host and launch.port, where rank 0 (or torchrun's agent) keeps PyTorch's TCP store,
/// and connects all ranks in a ring.
/// @param log  receives a line that names the missing ranks after 10 s; may be empty.
/// @return null for a job of one rank.
/// @throws SystemError naming the ranks that did not come within `timeout`.
std::unique_ptr<Transport> connect_ranks(const Launch& launch, Seconds timeout,
                                         const std::function<void(const std::string&)>& log = {});

}  // namespace monge::dist
