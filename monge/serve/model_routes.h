// GET /v1/models and below.
#pragma once

#include "monge/serve/catalogue.h"
#include "monge/serve/router.h"

namespace monge::serve {

/// Adds
///
///     GET /v1/models                   {"models": [...]}, see Catalogue::models
///     GET /v1/models/NAME              {"name", "kind", "card", "input": {"kind": "image" or "vector", ...}}
///     GET /v1/models/NAME/sample.png   inputs and outputs
///     GET /v1/models/NAME/inputs       {"kind", "items": [{"name", "png"}]} or {"kind", "columns", "rows"}, a few
///     inputs
///                                      that the training has not seen; empty lists if its data cannot be opened
void add_model_routes(Router& router, Catalogue& catalogue);

}  // namespace monge::serve
