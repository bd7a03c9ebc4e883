// Makes a model that every rank has loaded the same on all of them.
#pragma once

#include "monge/dist/process_group.h"
#include "monge/model/model.h"

namespace monge::model {

/// Broadcasts the weights, iteration and standardisation of the root's model. Each rank has loaded the same path, but a
/// training may have saved a checkpoint in between. All ranks call it together; with one rank it does nothing.
/// @throws CommonError when the recipes differ, InputError when the nets have other shapes.
void broadcast_from_root(dist::ProcessGroup& group, Model& model);

}  // namespace monge::model
