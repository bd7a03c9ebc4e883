#include "monge/dist/job.h"

#include "monge/core/error.h"
#include "monge/dist/mpi_transport.h"
#include "monge/dist/rendezvous.h"

namespace monge::dist {
namespace {

std::unique_ptr<Transport> transport_for(const Launch& launch, Seconds patience) {
  switch (launch.kind) {
    case Launch::Kind::alone: return nullptr;
    case Launch::Kind::mpi: return make_mpi_transport();
    case Launch::Kind::environment: return meet(launch, patience);
  }
  return nullptr;
}

}  // namespace

Job::Job(const Launch& launch, const JobOptions& options, std::function<void(const Verdict&)> ended)
    : launch_(launch), world_(std::make_shared<World>(transport_for(launch, options.patience))) {
  auto watched = options.watch;
  if (launch.kind == Launch::Kind::environment) watched.host = launch.host;
  watch_ = std::make_unique<Watch>(*world_, watched, std::move(ended));
}

void Job::finish() {
  // Until all are here a rank that dies is still missed; then each goes.
  world_->barrier();
  watch_->leave();
  world_->close();
  watch_.reset();
}

}  // namespace monge::dist
