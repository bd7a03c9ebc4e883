// How ranks that were started without MPI find each other.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "monge/dist/launch.h"
#include "monge/dist/socket.h"
#include "monge/dist/transport.h"

namespace monge::dist {

/// Meets the other ranks at launch.host and launch.port, where rank 0 (or torchrun's agent) keeps PyTorch's TCP store,
/// and connects them. @return null for a job of one.
/// @throws SystemError naming the ranks that did not come in time.
/// @param log  told after 10 s for which ranks it waits; may be empty.
std::unique_ptr<Transport> meet(const Launch& launch, Seconds patience,
                                const std::function<void(const std::string&)>& log = {});

}  // namespace monge::dist
