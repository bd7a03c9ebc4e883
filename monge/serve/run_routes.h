// GET /v1/runs and below.
#pragma once

#include "monge/serve/catalogue.h"
#include "monge/serve/router.h"
#include "monge/serve/run_events.h"

namespace monge::serve {

/// Adds
///
///     GET /v1/runs                                {"runs": [{"name", and the keys of run_state}]}
///     GET /v1/runs/NAME                           {"name", "state": run_state, "summary": run_summary or null,
///     "samples"} GET /v1/runs/NAME/report                    report.html, in a sandbox of its own origin GET
///     /v1/runs/NAME/samples/step_NNNNNN.png   a sample image GET /v1/runs/NAME/log                       the end of
///     log.txt GET /v1/runs/NAME/events                    see RunEvents
///
/// The folders of the machine are removed from all texts.
void add_run_routes(Router& router, Catalogue& catalogue, RunEvents& events);

}  // namespace monge::serve
