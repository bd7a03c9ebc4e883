// Builds the graph of an ONNX file, node by node.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "monge/io/onnx.h"
#include "monge/nn/module.h"

namespace monge::model::onnx {

/// A value of a graph: an input, a weight or the output of a node.
struct Value {
  std::string name;
};

/// A graph in the making. Each function that returns a Value adds what computes it. Operators broadcast as NumPy does.
class Graph {
 public:
  /// @param state  the tensors that weight() finds by key. Those of other types of floats become float32.
  explicit Graph(const nn::NamedTensors& state = {});

  Value input(const std::string& name, torch::ScalarType type, std::vector<io::OnnxExtent> shape,
              const std::string& meaning);
  void output(const Value& value, const std::string& name, torch::ScalarType type, std::vector<io::OnnxExtent> shape,
              const std::string& meaning);

  /// The weight of this key, an initializer of the same name. @throws InputError if there is none.
  Value weight(const std::string& key);
  const torch::Tensor& tensor(const std::string& key) const;
  bool has(const std::string& key) const { return state_.count(key) > 0; }

  /// Constants. Equal ones are written once.
  Value constant(const torch::Tensor& values);
  Value integers(const std::vector<int64_t>& values);
  Value scalar(double value, torch::ScalarType type = torch::kFloat32);

  /// The first output of an operator.
  Value node(const std::string& op, const std::vector<Value>& inputs,
             std::vector<std::pair<std::string, io::OnnxAttribute>> attributes = {});

  Value add(const Value& a, const Value& b) { return node("Add", {a, b}); }
  Value subtract(const Value& a, const Value& b) { return node("Sub", {a, b}); }
  Value multiply(const Value& a, const Value& b) { return node("Mul", {a, b}); }
  Value divide(const Value& a, const Value& b) { return node("Div", {a, b}); }
  Value scaled(const Value& a, double factor, torch::ScalarType type = torch::kFloat32) {
    return multiply(a, scalar(factor, type));
  }
  Value matrix_product(const Value& a, const Value& b) { return node("MatMul", {a, b}); }
  Value concatenate(const std::vector<Value>& values, int64_t axis) { return node("Concat", values, {{"axis", axis}}); }
  Value transpose(const Value& a, const std::vector<int64_t>& axes) { return node("Transpose", {a}, {{"perm", axes}}); }
  Value cast(const Value& a, torch::ScalarType type);

  /// a[..., begin:end, ...].
  Value slice(const Value& a, int64_t axis, int64_t begin, int64_t end);

  /// 0 keeps an extent, -1 takes what is left.
  Value reshape(const Value& a, const std::vector<int64_t>& shape) { return node("Reshape", {a, integers(shape)}); }

  /// The extents [begin, end) of a, int64.
  Value shape(const Value& a, int64_t begin, int64_t end) {
    return node("Shape", {a}, {{"start", begin}, {"end", end}});
  }

  io::OnnxFile& file() { return file_; }

 private:
  Value initializer(const std::string& name, const torch::Tensor& values);

  std::map<std::string, torch::Tensor> state_;
  std::map<std::string, Value> written_;  ///< weights by key, constants by content
  int64_t count_ = 0;                     ///< of names made here
  io::OnnxFile file_;
};

}  // namespace monge::model::onnx
