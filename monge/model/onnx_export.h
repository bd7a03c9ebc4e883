// Writes the map of a model as an ONNX file, which other programs run without monge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/io/onnx.h"
#include "monge/model/model.h"

namespace monge::model {

struct OnnxOptions {
  int64_t opset = io::kLeastOpset;  ///< version of the operators, 17..21
  /// Whether x and y are float64. Only for a model with a standardisation, whose columns float32 may not hold, see
  /// columns_beyond_float32. The net computes in float32 in any case.
  bool float64 = false;
};

/// The graph of the whole function from raw inputs to raw outputs, outputs_for (noise_inputs.h): standardisation,
/// smoothing, noise, the net, and the range of the outputs. It is built from the layers of the net, see
/// onnx/net_graphs.h. Weights are float32. Standardisation is computed in float64.
///
///   inputs    x [batch, D] or [batch, C, height, width], then the noises of noise_inputs(model)
///   outputs   y, shaped like x
///
/// Height and width are free if the model has `sizes`, else those of its items. The file does not hold the weights of
/// samples of an unbalanced problem. The metadata are
///
///     monge.version, monge.recipe (TOML), monge.origin, monge.iteration, monge.direction ("forward" or "inverse"),
///     monge.deterministic, monge.inputs and monge.outputs (JSON: name, type, shape, meaning), monge.item_shape (JSON),
///     monge.size_multiple and monge.size_least (images of any size), monge.source_columns and monge.target_columns
///     (JSON)
///
/// A model that is not deterministic gives another output for each noise. Set Model::deterministic to write the map of
/// the mean noise, without these inputs; Model::inverse() gives the map back.
/// @throws InputError for an option out of its range; for a net without a graph, with the names of those that have one.
io::OnnxFile onnx_file(const Model& model, const OnnxOptions& options = {});

/// Writes that file. @throws InputError as onnx_file; for weights of 2 GiB or more, which the format cannot hold.
/// SystemError when the file cannot be written.
void export_onnx(const Model& model, const std::filesystem::path& path, const OnnxOptions& options = {});

/// The columns of either side whose values lie so far from 0 that float32 rounds off digits that matter: steps of
/// float32 near the mean are above 1 % of the scale. Counted from 0, ascending; empty without a standardisation.
std::vector<int64_t> columns_beyond_float32(const Model& model);

}  // namespace monge::model
