#include "monge/dist/job.h"

#include "monge/core/error.h"
#include "monge/dist/mpi_transport.h"
#include "monge/dist/rendezvous.h"
#include "monge/dist/watchdog.h"

namespace monge::dist {
namespace {

std::unique_ptr<Transport> transport_for(const Launch& launch, const JobOptions& options) {
  switch (launch.kind) {
    case Launch::Kind::alone:
      return nullptr;
    case Launch::Kind::mpi:
      return make_mpi_transport();
    case Launch::Kind::environment:
      return meet(launch, options.patience, launch.rank == 0 ? options.log : nullptr);
  }
  return nullptr;
}

}  // namespace

Job::Job(const Launch& launch, const JobOptions& options, FailureCallbacks calls)
    : options_(options), calls_(calls), group_(std::make_shared<ProcessGroup>(transport_for(launch, options))) {
  if (launch.kind == Launch::Kind::mpi) {
    const auto told = ranks_of_mpi();
    if (told && *told != group_->size()) {
      throw Error(Complaint{
          .what = text("the launcher started ", *told, " ranks, and MPI knows of ", group_->size(),
                       ": the launcher is of another MPI than this program, or speaks another protocol"),
          .fix =
              "use the mpirun of Open MPI, srun --mpi=pmix, or start without MPI: srun --mpi=none, torchrun, --gpus"});
    }
  }
  auto watched = options.watch;
  if (launch.kind == Launch::Kind::environment) watched.host = launch.host;
  watch_ = std::make_unique<FailureDetector>(*group_, watched, std::move(calls));
  group_->set_patience(1e8);  // from here on the watch knows better
}

void Job::finish() {
  // Until all are here a rank that dies is still missed; then each goes, and is not judged any more.
  group_->barrier();
  watch_->leave();
  {
    const Watchdog watchdog(options_.watch.silence, [this] {
      const JobFailure verdict{"the ranks did their work and do not come to an end together"};
      speak(calls_, verdict);
      calls_.ended(verdict);
    });
    group_->close();
  }
  watch_.reset();
}

}  // namespace monge::dist
