#include "monge/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "tests/io/damage.h"
#include "tests/io/tensors.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;

/// A file of this header and this many bytes of data.
std::string file_of(const std::string& json, size_t data_size) {
  const uint64_t size = json.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + json + std::string(data_size, '\1');
}

std::string complaint_of_header(const std::string& json, size_t data_size) {
  return monge::testing::message_of([&] { parse_safetensors(file_of(json, data_size), "x.safetensors"); });
}

TEST(Safetensors, KeepsEveryTypeShapeAndNote) {
  const monge::testing::ScratchFolder scratch;
  auto content = monge::testing::tensors_of_all_types();
  content.metadata = {{"method", "weak"}, {"quote", "\"\n\xc3\xa9"}};

  write_safetensors(scratch / "all.safetensors", content);
  const auto read = read_safetensors(scratch / "all.safetensors");

  monge::testing::expect_same(content, read);
  EXPECT_EQ(read.metadata, content.metadata);
}

TEST(Safetensors, AlignsTheHeaderToEightAndEveryTensorToItsItems) {
  const TensorFile content{{{"flag", torch::ones({3}, torch::kBool)}, {"wide", torch::ones({2}, torch::kFloat64)}}};

  const auto bytes = safetensors_bytes(content);

  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_THAT(bytes, HasSubstr(R"("wide":{"dtype":"F64","shape":[2],"data_offsets":[0,16]})"));
  EXPECT_THAT(bytes, HasSubstr(R"("flag":{"dtype":"BOOL","shape":[3],"data_offsets":[16,19]})"));
}

TEST(Safetensors, ReadsAFileWithoutTensors) {
  EXPECT_TRUE(parse_safetensors(file_of("{}   ", 0), "x").tensors.empty());
}

TEST(Safetensors, NamesTheNearestTensorWhenOneIsMissing) {
  const TensorFile content{{{"up1.weight", torch::ones({1})}}};
  EXPECT_THAT(
      monge::testing::message_of([&] { content.at("up1.weigth", "net.safetensors"); }),
      HasSubstr("net.safetensors: there is no tensor \"up1.weigth\" in this file; did you mean \"up1.weight\"?"));
}

TEST(Safetensors, RefusesABrokenFrame) {
  const auto complaint = [](const std::string& bytes) {
    return monge::testing::message_of([&] { parse_safetensors(bytes, "x.safetensors"); });
  };
  EXPECT_THAT(complaint("1234567"), HasSubstr("x.safetensors: is not a safetensors file: 7 bytes are too few"));
  EXPECT_THAT(complaint(std::string(8, '\xff')), HasSubstr("18446744073709551615 bytes (allowed: up to 100000000)"));
  EXPECT_THAT(complaint(file_of("{}", 0).substr(0, 9)),
              HasSubstr("the file is truncated: its header has 2 bytes, only 1"));
  EXPECT_THAT(complaint(file_of("[]", 0)), HasSubstr("does not begin with {"));
  EXPECT_THAT(complaint(file_of("{\"a\": ", 0)), HasSubstr("the header is not valid JSON at its byte"));
  EXPECT_THAT(complaint(file_of("{} x", 0)), HasSubstr("the header is not valid JSON at its byte 4"));
  EXPECT_THAT(complaint(file_of("{\"\xff\":1}", 0)), HasSubstr("the header is not valid JSON"));
}

TEST(Safetensors, RefusesAHeaderThatDeviatesFromTheFormat) {
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4),
              HasSubstr("tensor \"a\" has an unknown dtype, got \"F31\" (allowed: F64, F32, F16"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,4]}})", 4),
              HasSubstr("the negative number -1 at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,4]}})", 4),
              HasSubstr("the number 1.5 at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4]}})", 4),
              HasSubstr("the extent 9223372036854775808"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1),
              HasSubstr("fewer than two data_offsets"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 1),
              HasSubstr("more than two data_offsets"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1]}})", 1),
              HasSubstr("without dtype, shape or data_offsets"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"run":"me"}})", 1),
              HasSubstr("the key \"run\" at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","dtype":"U8"}})", 1), HasSubstr("the duplicate key \"dtype\""));
  EXPECT_THAT(complaint_of_header(R"({"a":7})", 0), HasSubstr("the number 7 at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":{"shape":[[1]]}})", 0), HasSubstr("a list at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":{"shape":{"b":{}}}})", 0), HasSubstr("an object at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"a":null})", 0), HasSubstr("null at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"__metadata__":{"epoch":3}})", 0), HasSubstr("the number 3 at \"__metadata__\""));
  EXPECT_THAT(complaint_of_header("{\"a\\u001b[2J\":7}", 0), HasSubstr("at \"a\\x1b[2J\""));
}

TEST(Safetensors, RefusesDuplicateNames) {
  const std::string a = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(complaint_of_header("{" + a + "," + a + "}", 0), HasSubstr("a duplicate name at \"a\""));
  EXPECT_THAT(complaint_of_header(R"({"__metadata__":{"k":"v","k":"w"}})", 0), HasSubstr("the duplicate key \"k\""));
}

TEST(Safetensors, RefusesOffsetsThatDoNotCoverTheDataOnce) {
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 4),
              HasSubstr("tensor \"a\" has data_offsets [0, 8] outside the 4 bytes"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 4),
              HasSubstr("data_offsets [4, 0]"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
              HasSubstr("tensor \"a\": shape [2] of float32 needs 8 bytes, the file has 4"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}})", 4),
              HasSubstr("overflows"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})", 0),
              HasSubstr("overflows"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
                                  "b":{"dtype":"U8","shape":[3],"data_offsets":[3,6]}})",
                                  6),
              HasSubstr("tensor \"b\" overlaps the tensor before it: it begins at 3, the other ends at 4"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})", 3),
              HasSubstr("the bytes 0 to 2 belong to no tensor"));
  EXPECT_THAT(complaint_of_header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3),
              HasSubstr("the last 2 bytes belong to no tensor"));
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotReadBack) {
  const auto complaint = [](const TensorFile& content) {
    return monge::testing::message_of([&] { safetensors_bytes(content); });
  };
  EXPECT_THAT(complaint({{{"z", torch::ones({1}, torch::kComplexFloat)}}}),
              HasSubstr("tensor \"z\" has a type that safetensors cannot hold, got ComplexFloat (allowed: F64"));
  EXPECT_THAT(complaint({{{"a", torch::ones({1})}, {"a", torch::ones({1})}}}), HasSubstr("\"a\" appears twice"));
  EXPECT_THAT(complaint({{{"__metadata__", torch::ones({1})}}}), HasSubstr("rename it"));
  EXPECT_THAT(complaint({{{"\xff", torch::ones({1})}}}), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(complaint({{{"a", torch::Tensor()}}}), HasSubstr("undefined"));
}

TEST(Safetensors, KeepsTheOldFileWhenTheDiskFills) {
  class FullDisk : public Files {
   public:
    void write(const std::filesystem::path& path, std::span<const std::string_view> parts) const override {
      if (parts[0].size() > 200) throw SystemError(path.string() + ": cannot write: No space left on device");
      Files::write(path, parts);
    }
  };
  const monge::testing::ScratchFolder scratch;
  const auto path = scratch / "net.safetensors";
  const TensorFile old{{{"a", torch::ones({1})}}}, larger{{{"a", torch::ones({100})}}};
  write_safetensors(path, old, FullDisk());

  EXPECT_THROW(write_safetensors(path, larger, FullDisk()), SystemError);

  monge::testing::expect_same(read_safetensors(path), old);
}

TEST(Safetensors, SurvivesDamage) {
  auto content = monge::testing::tensors_of_all_types();
  content.metadata = {{"k", "v"}};
  const auto valid = safetensors_bytes(content);

  const int refused = monge::testing::refuses_damage(
      valid, 5000, [](const std::string& bytes) { parse_safetensors(bytes, "damaged"); });

  EXPECT_GT(refused, 2500);  // most damage hits the header; damage to the data alone cannot be seen
}

TEST(Safetensors, ReadsEveryFixture) {
  MONGE_NEEDS_SHARED("fixtures");
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(monge::testing::shared_folder() / "fixtures")) {
    if (entry.path().extension() != ".safetensors") continue;
    const auto content = read_safetensors(entry.path());
    EXPECT_FALSE(content.tensors.empty()) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 10);
}

TEST(Safetensors, ReadsTheValuesOfAnIndependentWriter) {
  MONGE_NEEDS_SHARED("fixtures/parity/small_expected.safetensors");
  const auto path = monge::testing::shared_folder() / "fixtures/parity/small_expected.safetensors";
  const auto content = read_safetensors(path);

  EXPECT_TRUE(torch::equal(content.at("t", path), torch::arange(6, torch::kFloat32).view({2, 3}).t()));
  EXPECT_EQ(content.at("n", path).item<int64_t>(), 7);
}

}  // namespace
}  // namespace monge::io
