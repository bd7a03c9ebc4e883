#include "monge/io/onnx.h"

#include <protozero/pbf_writer.hpp>
#include <set>

#include "monge/core/error.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

using protozero::pbf_writer;

/// The numbers of the fields in onnx.proto, by message.
namespace field {
enum Model : uint32_t {
  ir_version = 1,
  producer = 2,
  producer_version = 3,
  graph = 7,
  opset_import = 8,
  properties = 14
};
enum Opset : uint32_t { opset_version = 2 };
enum Property : uint32_t { key = 1, value = 2 };
enum Graph : uint32_t { node = 1, graph_name = 2, initializer = 5, description = 10, input = 11, output = 12 };
enum Node : uint32_t { node_input = 1, node_output = 2, node_name = 3, op_type = 4, attribute = 5 };
enum Attribute : uint32_t { attribute_name = 1, f = 2, i = 3, s = 4, ints = 8, attribute_type = 20 };
enum Tensor : uint32_t { dims = 1, data_type = 2, tensor_name = 8, raw_data = 9 };
enum ValueInfo : uint32_t { value_name = 1, value_type = 2, value_description = 3 };
enum Type : uint32_t { tensor_type = 1 };
enum TensorType : uint32_t { element_type = 1, shape = 2 };
enum Shape : uint32_t { extent = 1 };
enum Extent : uint32_t { number = 1, parameter = 2 };
}  // namespace field

/// AttributeProto::AttributeType.
enum AttributeType : int32_t { kFloatAttribute = 1, kIntAttribute = 2, kStringAttribute = 3, kIntsAttribute = 7 };

/// TensorProto::DataType.
int32_t data_type(torch::ScalarType type, const std::string& of) {
  switch (type) {
    case torch::kFloat32:
      return 1;
    case torch::kInt64:
      return 7;
    case torch::kBool:
      return 9;
    case torch::kFloat64:
      return 11;
    default:
      throw InputError(
          text("onnx: ", of, " has the type ", type_name(type), " (allowed: float32, float64, int64, bool)"));
  }
}

void add_value(pbf_writer& graph, uint32_t tag, const OnnxValue& value) {
  pbf_writer out(graph, tag);
  out.add_string(field::value_name, value.name);
  {
    pbf_writer type(out, field::value_type);
    pbf_writer tensor(type, field::tensor_type);
    tensor.add_int32(field::element_type, data_type(value.type, value.name));
    pbf_writer shape(tensor, field::shape);
    for (const auto& extent : value.shape) {
      pbf_writer one(shape, field::extent);
      if (const auto* number = std::get_if<int64_t>(&extent)) {
        one.add_int64(field::number, *number);
      } else {
        one.add_string(field::parameter, std::get<std::string>(extent));
      }
    }
  }
  if (!value.meaning.empty()) out.add_string(field::value_description, value.meaning);
}

void add_attribute(pbf_writer& node, const std::string& name, const OnnxAttribute& attribute) {
  pbf_writer out(node, field::attribute);
  out.add_string(field::attribute_name, name);
  if (const auto* number = std::get_if<int64_t>(&attribute)) {
    out.add_int64(field::i, *number);
    out.add_int32(field::attribute_type, kIntAttribute);
  } else if (const auto* real = std::get_if<double>(&attribute)) {
    out.add_float(field::f, static_cast<float>(*real));
    out.add_int32(field::attribute_type, kFloatAttribute);
  } else if (const auto* words = std::get_if<std::string>(&attribute)) {
    out.add_bytes(field::s, *words);
    out.add_int32(field::attribute_type, kStringAttribute);
  } else {
    for (const int64_t entry : std::get<std::vector<int64_t>>(attribute)) out.add_int64(field::ints, entry);
    out.add_int32(field::attribute_type, kIntsAttribute);
  }
}

void add_node(pbf_writer& graph, const OnnxNode& node) {
  pbf_writer out(graph, field::node);
  for (const auto& input : node.inputs) out.add_string(field::node_input, input);
  out.add_string(field::node_output, node.output);
  out.add_string(field::node_name, node.output);
  out.add_string(field::op_type, node.op);
  for (const auto& [name, attribute] : node.attributes) add_attribute(out, name, attribute);
}

void add_initializer(pbf_writer& graph, const std::string& name, const torch::Tensor& tensor) {
  const auto values = plain(tensor);
  pbf_writer out(graph, field::initializer);
  for (const int64_t extent : values.sizes()) out.add_int64(field::dims, extent);
  out.add_int32(field::data_type, data_type(values.scalar_type(), name));
  out.add_string(field::tensor_name, name);
  const auto bytes = bytes_of(values);
  out.add_bytes(field::raw_data, bytes.data(), bytes.size());
}

/// @throws InputError unless each name is given once, before it is read.
void check_graph_names(const OnnxFile& file) {
  std::set<std::string> given;
  const auto give = [&](const std::string& name) {
    require(!name.empty() && given.insert(name).second, "onnx: the name \"", name, "\" is given twice or empty");
  };
  for (const auto& input : file.inputs) give(input.name);
  for (const auto& entry : file.initializers) give(entry.first);
  for (const auto& node : file.nodes) {
    for (const auto& input : node.inputs) {
      require(input.empty() || given.count(input) > 0, "onnx: the node \"", node.output, "\" (", node.op, ") reads \"",
              input, "\", which nothing before it gives");
    }
    give(node.output);
  }
  for (const auto& output : file.outputs)
    require(given.count(output.name) > 0, "onnx: the output \"", output.name, "\" is given by nothing");
}

/// @throws InputError for values that a file cannot hold. The rest of a file is small, but counts.
void check_total(const OnnxFile& file) {
  constexpr double kMost = 2147483647.0 - (1 << 24);
  double bytes = 0;
  for (const auto& entry : file.initializers) bytes += static_cast<double>(entry.second.nbytes());
  require(bytes < kMost, "onnx: the weights take ", bytes / (1 << 30), " GiB, and a file of ONNX holds less than 2");
}

}  // namespace

int64_t onnx_ir_version(int64_t opset) {
  require(opset >= kLeastOpset && opset <= kMostOpset, "onnx: opset = ", opset, " (allowed: ", kLeastOpset, "..",
          kMostOpset, ")");
  return opset < 19 ? 8 : opset < 21 ? 9 : 10;
}

std::string onnx_bytes(const OnnxFile& file) {
  check_graph_names(file);
  check_total(file);
  std::string out;
  pbf_writer model(out);
  model.add_int64(field::ir_version, onnx_ir_version(file.opset));
  model.add_string(field::producer, file.producer);
  model.add_string(field::producer_version, file.producer_version);
  {
    pbf_writer graph(model, field::graph);
    for (const auto& node : file.nodes) add_node(graph, node);
    graph.add_string(field::graph_name, file.graph);
    for (const auto& [name, tensor] : file.initializers) add_initializer(graph, name, tensor);
    if (!file.description.empty()) graph.add_string(field::description, file.description);
    for (const auto& input : file.inputs) add_value(graph, field::input, input);
    for (const auto& output : file.outputs) add_value(graph, field::output, output);
  }
  {
    pbf_writer opset(model, field::opset_import);
    opset.add_int64(field::opset_version, file.opset);
  }
  for (const auto& [key, value] : file.metadata) {
    pbf_writer property(model, field::properties);
    property.add_string(field::key, key);
    property.add_string(field::value, value);
  }
  return out;
}

void write_onnx(const std::filesystem::path& path, const OnnxFile& file, const Files& files) {
  files.replace(path, onnx_bytes(file));
}

}  // namespace monge::io
