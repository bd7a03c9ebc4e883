// What a model file records about the evaluation of its map, so that whoever gets the file sees how good it is.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/named_metrics.h"
#include "monge/io/tensor_file.h"

namespace monge::model {

struct EvaluationRecord {
  NamedMetrics metrics;                ///< as summary.json names them; NaN where a metric could not be measured
  std::optional<bool> reaches_target;  ///< unset if that is unknown
  std::string verdict;                 ///< in words: "the map reaches its target"
  /// How the metrics were measured, as keys of [eval]: samples, holdout, source, target, features, lpips.
  std::vector<std::pair<std::string, std::string>> protocol = {};
  std::string image = {};  ///< a PNG file of inputs and their outputs; may be empty
};

/// Adds the record to the metadata ("monge.evaluation", a JSON object) and its image to the tensors ("card/image", the
/// bytes of the file).
void put_evaluation(const EvaluationRecord& record, io::TensorFile& file);

/// Removes the record from a file. @return nothing if there is none.
/// @throws InputError naming `path` for metadata that put_evaluation does not write, or an image that is no PNG file.
std::optional<EvaluationRecord> take_evaluation(io::TensorFile& file, const std::string& path);

}  // namespace monge::model
