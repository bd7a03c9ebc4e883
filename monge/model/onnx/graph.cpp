#include "monge/model/onnx/graph.h"

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/tensor_file.h"

namespace monge::model::onnx {
namespace {

torch::Tensor in_file_type(const torch::Tensor& weight) {
  return weight.is_floating_point() ? weight.to(torch::kFloat32) : weight;
}

int64_t element_type(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return 1;
    case torch::kInt64:
      return 7;
    default:
      require(type == torch::kFloat64, "onnx: no cast to ", io::type_name(type));
      return 11;
  }
}

}  // namespace

Graph::Graph(const nn::NamedTensors& state) {
  for (const auto& [key, value] : state) state_.emplace(key, in_file_type(value.detach()));
}

Value Graph::input(const std::string& name, torch::ScalarType type, std::vector<io::OnnxExtent> shape,
                   const std::string& meaning) {
  file_.inputs.push_back({name, type, std::move(shape), meaning});
  return {name};
}

void Graph::output(const Value& value, const std::string& name, torch::ScalarType type,
                   std::vector<io::OnnxExtent> shape, const std::string& meaning) {
  file_.nodes.push_back({.op = "Identity", .inputs = {value.name}, .output = name});
  file_.outputs.push_back({name, type, std::move(shape), meaning});
}

Value Graph::initializer(const std::string& name, const torch::Tensor& values) {
  file_.initializers.emplace_back(name, io::plain(values));
  return {name};
}

const torch::Tensor& Graph::tensor(const std::string& key) const {
  const auto found = state_.find(key);
  require(found != state_.end(), "onnx: the net has no weight \"", key, "\"");
  return found->second;
}

Value Graph::weight(const std::string& key) {
  const auto& values = tensor(key);
  const auto found = written_.find(key);
  return found != written_.end() ? found->second : written_[key] = initializer(key, values);
}

Value Graph::constant(const torch::Tensor& values) {
  const auto plain = io::plain(values);
  const auto content = text('=', plain.scalar_type(), ' ', plain.sizes(), ' ', content_hash(io::bytes_of(plain)));
  const auto found = written_.find(content);
  if (found != written_.end()) return found->second;
  return written_[content] = initializer(text("constant_", count_++), plain.clone());
}

Value Graph::integers(const std::vector<int64_t>& values) { return constant(torch::tensor(values, torch::kInt64)); }

Value Graph::scalar(double value, torch::ScalarType type) { return constant(torch::full({}, value, type)); }

Value Graph::node(const std::string& op, const std::vector<Value>& inputs,
                  std::vector<std::pair<std::string, io::OnnxAttribute>> attributes) {
  io::OnnxNode out{.op = op, .inputs = {}, .output = text(op, '_', count_++), .attributes = std::move(attributes)};
  for (const auto& input : inputs) out.inputs.push_back(input.name);
  file_.nodes.push_back(out);
  return {out.output};
}

Value Graph::cast(const Value& a, torch::ScalarType type) { return node("Cast", {a}, {{"to", element_type(type)}}); }

Value Graph::slice(const Value& a, int64_t axis, int64_t begin, int64_t end) {
  return node("Slice", {a, integers({begin}), integers({end}), integers({axis})});
}

}  // namespace monge::model::onnx
