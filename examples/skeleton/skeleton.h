// A component of each kind to copy: a method, a net, a data source and a metric. Each lives in one file with its options, its
// factory and its registry row; skeleton_test.cpp tests each. Inside the library the row goes into the list of the kind
// (docs/extending.md); a program outside calls register_skeleton() before it makes its first recipe.
#pragma once

#include "monge/data/source_kinds.h"
#include "monge/eval/metrics.h"
#include "monge/ot/method.h"
#include "monge/solve/net_registry.h"

namespace skeleton {

monge::ot::MethodEntry huber_entry();                                  ///< method.cpp
monge::solve::NetEntry<monge::nn::MapNet> affine_entry();              ///< net.cpp
monge::data::SourceKind ring_kind();                                   ///< source.cpp
monge::eval::Metric mean_shift_metric();                               ///< metric.cpp

/// Adds the four to the registries. Call it once, before the first recipe is made.
void register_skeleton();

}  // namespace skeleton
