#include "monge/dist/job.h"

#include "monge/core/error.h"
#include "monge/core/user_words.h"
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
      return connect_ranks(launch, options.timeout, launch.rank == 0 ? options.log : nullptr);
  }
  return nullptr;
}

}  // namespace

Job::Job(const Launch& launch, const JobOptions& options, FailureCallbacks callbacks)
    : options_(options),
      callbacks_(callbacks),
      group_(std::make_unique<ProcessGroup>(transport_for(launch, options), launch.kind != Launch::Kind::alone)) {
  if (launch.kind == Launch::Kind::mpi) {
    const auto started = ranks_of_mpi();
    if (started && *started != group_->size()) {
      throw InputError(
          {.what = text("the launcher started ", *started, " ranks, but MPI reports ", group_->size(),
                        ": the launcher belongs to another MPI than this program, or uses another protocol"),
           .fix = "use the mpirun of Open MPI, srun --mpi=pmix, or start without MPI: srun --mpi=none, torchrun, " +
                  user_word("dist::spawn_ranks()")});
    }
  }
  auto failure = options.failure;
  if (launch.kind == Launch::Kind::environment) failure.host = launch.host;
  detector_ = std::make_unique<FailureDetector>(*group_, failure, std::move(callbacks));
  group_->set_timeout(1e8);  // from here on the failure detector decides
}

void Job::finish() {
  // The detector still notices a rank that dies before all have come here. After the barrier each rank may leave.
  group_->barrier();
  detector_->leave();
  {
    const Watchdog watchdog(options_.failure.silence_timeout, [this] {
      const JobFailure failure{"the ranks finished their work, but did not shut down together"};
      report(callbacks_, failure);
      callbacks_.end_process(failure);
    });
    group_->close();
  }
  detector_.reset();
}

}  // namespace monge::dist
