// The ONNX format: a graph of operators with its weights, which other programs run.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "monge/core/files.h"

namespace monge::io {

/// An extent of a shape: a number, or the name of one that is known when the graph runs ("batch").
using OnnxExtent = std::variant<int64_t, std::string>;

/// An input or an output of a graph.
struct OnnxValue {
  std::string name;
  torch::ScalarType type = torch::kFloat32;  ///< float32, float64, int64 or bool
  std::vector<OnnxExtent> shape = {};
  std::string meaning = {};  ///< for people who look at the file
};

using OnnxAttribute = std::variant<int64_t, double, std::string, std::vector<int64_t>>;

/// A node: an operator, the names of its inputs (empty: an optional one that is left out), and its output.
struct OnnxNode {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
  std::vector<std::pair<std::string, OnnxAttribute>> attributes = {};
};

/// The content of a file.
struct OnnxFile {
  int64_t opset = 17;  ///< version of the operators, kLeastOpset..kMostOpset
  std::string producer = {}, producer_version = {};
  std::string graph = "graph", description = {};
  std::vector<OnnxValue> inputs = {}, outputs = {};
  std::vector<OnnxNode> nodes = {};  ///< each after those whose outputs it reads
  std::vector<std::pair<std::string, torch::Tensor>> initializers = {};
  std::map<std::string, std::string> metadata = {};
};

inline constexpr int64_t kLeastOpset = 17, kMostOpset = 21;

/// The version of the format that belongs to a version of the operators: 8 for 17. Source: github.com/onnx/onnx,
/// docs/Versioning.md.
int64_t onnx_ir_version(int64_t opset);

/// The file as bytes: a protocol buffer of the message ModelProto. Source: github.com/onnx/onnx, onnx/onnx.proto.
/// @throws InputError on an opset out of its range; a type that OnnxValue does not list; a name that is given twice; a
///     node or an output that reads a value that nothing before it gives; and on 2 GiB or more, which protocol buffers
///     cannot hold.
std::string onnx_bytes(const OnnxFile& file);

/// Writes the file in one durable step: after a crash the old file or the new one is there.
void write_onnx(const std::filesystem::path& path, const OnnxFile& file, const Files& files = real_files());

}  // namespace monge::io
