// A model that every rank has loaded, made the same on all of them.
#pragma once

#include "monge/dist/process_group.h"
#include "monge/model/model.h"

namespace monge::model {

/// Gives all ranks the weights, iteration and standardisation of the root. Each rank has loaded the same path before, and a
/// training may have saved a checkpoint meanwhile. All ranks call it together; with one rank it does nothing.
/// @throws CommonError when the recipes differ, InputError when the nets have other shapes.
void broadcast_from_root(dist::ProcessGroup& group, Model& model);

}  // namespace monge::model
