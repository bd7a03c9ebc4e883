// The writer of ONNX files, read back by the numbers of the fields in onnx.proto.
#include "monge/io/onnx.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <protozero/pbf_reader.hpp>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using protozero::pbf_reader;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

/// y = x W + 1, with one attribute of each type.
OnnxFile small_file() {
  OnnxFile out{.producer = "monge", .producer_version = "1.2", .graph = "g", .description = "words"};
  out.inputs = {{"x", torch::kFloat32, {std::string("batch"), 3}, "rows"}};
  out.outputs = {{"y", torch::kFloat64, {std::string("batch"), 2}}};
  out.initializers = {{"W", torch::arange(6, torch::kFloat32).view({3, 2})}, {"one", torch::ones({}, torch::kFloat64)}};
  out.nodes = {{.op = "MatMul", .inputs = {"x", "W"}, .output = "a"},
               {.op = "Cast",
                .inputs = {"a", ""},
                .output = "b",
                .attributes = {{"to", int64_t{11}},
                               {"f", 0.25},
                               {"s", std::string("linear")},
                               {"list", std::vector<int64_t>{-1, 300}}}},
               {.op = "Add", .inputs = {"b", "one"}, .output = "y"}};
  out.metadata = {{"a.key", "a value"}, {"b.key", ""}};
  return out;
}

/// The submessages, strings and numbers of a field, in their order.
std::vector<std::string> strings(const std::string& message, uint32_t tag) {
  std::vector<std::string> out;
  pbf_reader reader(message);
  while (reader.next(tag)) out.push_back(reader.get_string());
  return out;
}

std::vector<int64_t> numbers(const std::string& message, uint32_t tag) {
  std::vector<int64_t> out;
  pbf_reader reader(message);
  while (reader.next(tag)) out.push_back(reader.get_int64());
  return out;
}

TEST(Onnx, WritesTheFieldsOfModelProto) {
  const auto model = onnx_bytes(small_file());
  EXPECT_THAT(numbers(model, 1), ElementsAre(8));  // ir_version
  EXPECT_THAT(strings(model, 2), ElementsAre("monge"));
  EXPECT_THAT(strings(model, 3), ElementsAre("1.2"));
  EXPECT_THAT(numbers(strings(model, 8).at(0), 2), ElementsAre(17));
  const auto properties = strings(model, 14);
  ASSERT_EQ(properties.size(), 2u);
  EXPECT_THAT(strings(properties[0], 1), ElementsAre("a.key"));
  EXPECT_THAT(strings(properties[0], 2), ElementsAre("a value"));

  const auto graph = strings(model, 7).at(0);
  EXPECT_THAT(strings(graph, 2), ElementsAre("g"));
  const auto nodes = strings(graph, 1);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_THAT(strings(nodes[1], 1), ElementsAre("a", ""));
  EXPECT_THAT(strings(nodes[1], 2), ElementsAre("b"));
  EXPECT_THAT(strings(nodes[1], 4), ElementsAre("Cast"));
  const auto attributes = strings(nodes[1], 5);
  ASSERT_EQ(attributes.size(), 4u);
  EXPECT_THAT(numbers(attributes[0], 3), ElementsAre(11));
  EXPECT_THAT(numbers(attributes[0], 20), ElementsAre(2));
  pbf_reader real(attributes[1]);
  ASSERT_TRUE(real.next(2));
  EXPECT_EQ(real.get_float(), 0.25F);
  EXPECT_THAT(strings(attributes[2], 4), ElementsAre("linear"));
  EXPECT_THAT(numbers(attributes[3], 8), ElementsAre(-1, 300));
  EXPECT_THAT(numbers(attributes[3], 20), ElementsAre(7));

  const auto weights = strings(graph, 5);
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_THAT(numbers(weights[0], 1), ElementsAre(3, 2));
  EXPECT_THAT(numbers(weights[0], 2), ElementsAre(1));
  EXPECT_THAT(strings(weights[0], 8), ElementsAre("W"));
  const auto bytes = strings(weights[0], 9).at(0);
  ASSERT_EQ(bytes.size(), 24u);
  float last = 0;
  std::memcpy(&last, bytes.data() + 20, 4);
  EXPECT_EQ(last, 5.0F);
  EXPECT_THAT(numbers(weights[1], 1), ElementsAre());
  EXPECT_THAT(numbers(weights[1], 2), ElementsAre(11));

  const auto input = strings(graph, 11).at(0);
  EXPECT_THAT(strings(input, 1), ElementsAre("x"));
  EXPECT_THAT(strings(input, 3), ElementsAre("rows"));
  const auto tensor = strings(strings(input, 2).at(0), 1).at(0);
  EXPECT_THAT(numbers(tensor, 1), ElementsAre(1));
  const auto extents = strings(strings(tensor, 2).at(0), 1);
  ASSERT_EQ(extents.size(), 2u);
  EXPECT_THAT(strings(extents[0], 2), ElementsAre("batch"));
  EXPECT_THAT(numbers(extents[1], 1), ElementsAre(3));
}

TEST(Onnx, HasTheVersionOfTheFormatThatBelongsToItsOperators) {
  for (const auto& [opset, ir] : {std::pair<int64_t, int64_t>{17, 8}, {18, 8}, {19, 9}, {20, 9}, {21, 10}})
    EXPECT_EQ(onnx_ir_version(opset), ir);
  auto file = small_file();
  file.opset = 16;
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), HasSubstr("onnx: opset = 16 (allowed: 17..21)"));
}

TEST(Onnx, RefusesAGraphThatNoProgramCouldRun) {
  auto file = small_file();
  file.nodes[0].inputs[1] = "V";
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }),
              HasSubstr("the node \"a\" (MatMul) reads \"V\", which nothing before it gives"));
  file = small_file();
  std::swap(file.nodes[0], file.nodes[1]);
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), HasSubstr("reads \"a\", which nothing before it gives"));
  file = small_file();
  file.nodes[2].output = "a";
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), HasSubstr("the name \"a\" is given twice"));
  file = small_file();
  file.outputs[0].name = "z";
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), HasSubstr("the output \"z\" is given by nothing"));
  file = small_file();
  file.initializers[0].second = torch::zeros({3, 2}, torch::kInt8);
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), AllOf(HasSubstr("W has the type int8"), HasSubstr("float32")));
  file = small_file();
  // Three GiB that are one number: the writer must refuse them before it copies them.
  file.initializers[0].second = torch::zeros({1}).expand({3 * (int64_t{1} << 28)});
  EXPECT_THAT(message_of([&] { onnx_bytes(file); }), HasSubstr("the weights take 3 GiB"));
}

}  // namespace
}  // namespace monge::io
