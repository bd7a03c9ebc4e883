// Examples of the four kinds of components, to be copied: a method, a net, a data source and a metric. Each is one file
// with its options, its factory and its registry row; skeleton_test.cpp tests each. A component of the library has its
// row in the list of its kind (docs/extending.md). A program that uses the library calls register_skeleton() before it
// constructs its first recipe.
#pragma once

#include "monge/data/source_kinds.h"
#include "monge/eval/metrics.h"
#include "monge/ot/method.h"
#include "monge/solve/net_registry.h"

namespace skeleton {

monge::ot::MethodEntry huber_entry();                      ///< method.cpp
monge::solve::NetEntry<monge::nn::MapNet> affine_entry();  ///< net.cpp
monge::data::SourceKind ring_kind();                       ///< source.cpp
monge::eval::Metric mean_shift_metric();                   ///< metric.cpp

/// Adds the four components to the registries. Call it once, before the first recipe is constructed.
void register_skeleton();

}  // namespace skeleton
