#include "monge/model/evaluation_record.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::model {
namespace {

constexpr const char* kEvaluationKey = "monge.evaluation";
constexpr const char* kImageTensor = "card/image";

constexpr int kDeepest = 3;
constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";

using nlohmann::ordered_json;

/// @throws nlohmann::json::exception for another structure.
EvaluationRecord parsed(const std::string& json) {
  EvaluationRecord out;
  // Deeper values are left out while parsing: a file from a stranger may nest them millions of times.
  const auto shallow = [](int depth, ordered_json::parse_event_t, const ordered_json&) { return depth <= kDeepest; };
  const auto object = ordered_json::parse(json, shallow);
  const auto& metrics = object.at("metrics").get_ref<const ordered_json::object_t&>();
  for (const auto& [name, value] : metrics) {
    const double number = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
    out.metrics.emplace_back(name, number);
  }
  if (!object.at("reaches_target").is_null()) out.reaches_target = object.at("reaches_target").get<bool>();
  out.verdict = object.at("verdict").get<std::string>();
  const auto protocol = object.value("protocol", ordered_json::object());
  for (const auto& [key, value] : protocol.get_ref<const ordered_json::object_t&>())
    out.protocol.emplace_back(key, value.get<std::string>());
  return out;
}

}  // namespace

void put_evaluation(const EvaluationRecord& record, io::TensorFile& file) {
  ordered_json metrics = ordered_json::object(), protocol = ordered_json::object(), reaches_target;
  for (const auto& [name, value] : record.metrics) metrics[name] = value;  // NaN is written as null
  if (record.reaches_target) reaches_target = *record.reaches_target;
  for (const auto& [key, value] : record.protocol) protocol[key] = value;
  file.metadata[kEvaluationKey] = ordered_json{
      {"metrics", metrics},
      {"reaches_target", reaches_target},
      {"verdict", record.verdict},
      {"protocol", protocol}}.dump();
  if (record.image.empty()) return;
  const auto bytes = static_cast<int64_t>(record.image.size());
  file.tensors.emplace_back(kImageTensor, io::tensor_from_bytes(record.image, torch::kUInt8, {bytes}, kImageTensor));
}

std::optional<EvaluationRecord> take_evaluation(io::TensorFile& file, const std::string& path) {
  std::string image;
  const auto tensor = std::find_if(file.tensors.begin(), file.tensors.end(),
                                   [](const auto& entry) { return entry.first == kImageTensor; });
  if (tensor != file.tensors.end()) {
    if (tensor->second.scalar_type() == torch::kUInt8) image = io::bytes_of(tensor->second);
    require(image.starts_with(kPngSignature), path, ": its tensor \"", kImageTensor,
            "\" does not hold the bytes of a PNG file");
    file.tensors.erase(tensor);
  }
  const auto entry = file.metadata.find(kEvaluationKey);
  if (entry == file.metadata.end()) return std::nullopt;
  try {
    auto out = parsed(entry->second);
    out.image = std::move(image);
    return out;
  } catch (const nlohmann::json::exception&) {
    throw InputError(text(path, ": \"", kEvaluationKey, "\" in its metadata is not the record of an evaluation"));
  }
}

}  // namespace monge::model
