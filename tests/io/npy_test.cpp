#include "monge/io/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "monge/core/error.h"
#include "tests/io/damage.h"
#include "tests/io/tensors.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;

/// A version 1 file of this header and these data.
std::string file_of(const std::string& header, const std::string& data) {
  const auto length = static_cast<uint16_t>(header.size());
  return std::string("\x93NUMPY\1\0", 8) + std::string(reinterpret_cast<const char*>(&length), 2) + header + data;
}

std::string complaint_about(const std::string& header, const std::string& data = "") {
  return monge::testing::message_of([&] { parse_npy(file_of(header, data), "x.npy"); });
}

TEST(Npy, KeepsEveryTypeAndShape) {
  const monge::testing::ScratchFolder scratch;
  for (const auto& [name, tensor] : monge::testing::tensors_of_all_types().tensors) {
    if (tensor.scalar_type() == torch::kBFloat16) continue;
    write_npy(scratch / "x.npy", tensor);
    const auto read = read_npy(scratch / "x.npy");
    EXPECT_EQ(read.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(read, tensor.detach())) << name;
  }
}

TEST(Npy, WritesTheHeaderThatNumpyWrites) {
  // numpy.save of zeros((2, 3), "f4"): 128 bytes, then the data; the padding and the line feed end the header.
  const auto bytes = npy_bytes(torch::zeros({2, 3}));
  EXPECT_EQ(bytes.substr(0, 10), std::string("\x93NUMPY\1\0\x76\0", 10));
  EXPECT_THAT(bytes, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   "));
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_EQ(bytes.size(), 128u + 24u);
}

TEST(Npy, ReadsFortranOrder) {
  const auto columns = torch::arange(6, torch::kFloat32);  // [2, 3] column by column
  const auto read = parse_npy(
      file_of("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", npy_bytes(columns).substr(128)), "x.npy");
  EXPECT_TRUE(torch::equal(read, columns.view({3, 2}).t()));
  EXPECT_TRUE(read.is_contiguous());
}

TEST(Npy, ReadsVersionsTwoAndThreeAndOldSpellings) {
  const std::string header = R"({"shape":(2L,), 'fortran_order':False, "descr":'|u1'})";
  for (const char version : {2, 3}) {
    const auto bytes = std::string("\x93NUMPY") + version + std::string(1, '\0') + static_cast<char>(header.size()) +
                       std::string(3, '\0') + header + "\5\6";
    EXPECT_TRUE(torch::equal(parse_npy(bytes, "x.npy"), torch::tensor({5, 6}, torch::kUInt8)));
  }
}

// Of the integers without sign LibTorch knows little; what is needed is that they can be read and converted.
TEST(Npy, ReadsEveryIntegerInEitherByteOrder) {
  const auto read = [](const std::string& descr, const std::string& bytes) {
    return parse_npy(file_of("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (2,), }", bytes), "x.npy")
        .to(torch::kFloat64);
  };
  const auto expected = [](double a, double b) { return torch::tensor({a, b}, torch::kFloat64); };
  using namespace std::string_literals;
  EXPECT_TRUE(torch::equal(read("|u1", "\x01\xff"s), expected(1, 255)));
  EXPECT_TRUE(torch::equal(read("<u2", "\x01\x02\xff\xff"s), expected(0x0201, 65535)));
  EXPECT_TRUE(torch::equal(read(">u2", "\x01\x02\xff\xff"s), expected(0x0102, 65535)));
  EXPECT_TRUE(torch::equal(read("<u4", "\0\0\0\x80\xff\xff\xff\xff"s), expected(2147483648.0, 4294967295.0)));
  EXPECT_TRUE(torch::equal(read(">u4", "\x80\0\0\0\0\0\0\x07"s), expected(2147483648.0, 7)));
  EXPECT_TRUE(torch::equal(read("<u8", "\0\0\0\0\0\0\0\x80\x05\0\0\0\0\0\0\0"s), expected(0x1p63, 5)));
  EXPECT_TRUE(torch::equal(read(">i2", "\xff\xfe\0\x03"s), expected(-2, 3)));
  EXPECT_TRUE(torch::equal(read(">f4", "\x3f\x80\0\0\xc0\0\0\0"s), expected(1, -2)));
  EXPECT_TRUE(torch::equal(read(">f8", "\x3f\xf0\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0"s), expected(1, -2)));
  EXPECT_TRUE(torch::equal(read("=i4", "\x05\0\0\0\xff\xff\xff\xff"s), expected(5, -1)));
}

TEST(Npy, MapsIntegersWithoutSignAndCopiesBigEndian) {
  const monge::testing::ScratchFolder scratch;
  using namespace std::string_literals;
  const auto save = [&](const std::string& descr) {
    std::ofstream(scratch / "x.npy", std::ios::binary)
        << file_of("{'descr': '" + descr + "', 'fortran_order': False, 'shape': (1, 2), }", "\0\x01\0\x02"s);
    return map_npy(scratch / "x.npy").to(torch::kFloat64);
  };
  EXPECT_TRUE(torch::equal(save("<u2"), torch::tensor({{256.0, 512.0}}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(save(">u2"), torch::tensor({{1.0, 2.0}}, torch::kFloat64)));
}

TEST(Npy, RefusesOtherTypes) {
  const auto complaint = [](const std::string& descr) {
    return complaint_about("{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }", "12345678");
  };
  EXPECT_THAT(complaint("'|O'"),
              HasSubstr("x.npy: holds Python objects (\"|O\"), which are pickled code and are not read"));
  EXPECT_THAT(complaint("'<c8'"), HasSubstr("x.npy: has an unknown number type, got \"<c8\" (allowed: f8, f4"));
  EXPECT_THAT(complaint("'>f16'"), HasSubstr("got \">f16\""));
  EXPECT_THAT(complaint("'f4'"), HasSubstr("got \"f4\""));
  EXPECT_THAT(complaint("[('a', '<f4')]"), HasSubstr("a record type"));
}

TEST(Npy, RefusesABrokenHeader) {
  const auto complaint = [](const std::string& bytes) {
    return monge::testing::message_of([&] { parse_npy(bytes, "x.npy"); });
  };
  EXPECT_THAT(complaint("PK"), HasSubstr("x.npy: is not a .npy file"));
  EXPECT_THAT(complaint("\x93NUMPY"), HasSubstr("truncated in its header"));
  EXPECT_THAT(complaint("\x93NUMPY\4"), HasSubstr("unknown .npy version 4 (allowed: 1, 2, 3)"));
  EXPECT_THAT(complaint(std::string("\x93NUMPY\1\0\xff\xff{}", 12)), HasSubstr("truncated in its header"));
  EXPECT_THAT(complaint_about("__import__('os')"), HasSubstr("no { where one is required"));
  EXPECT_THAT(complaint_about("{}"), HasSubstr("no descr, fortran_order or shape"));
  EXPECT_THAT(complaint_about("{'shape': (1,), 'shape': (1,)}"), HasSubstr("the duplicate or unknown key \"shape\""));
  EXPECT_THAT(complaint_about("{'shape': (-1,)}"), HasSubstr("an extent that is not a count"));
  EXPECT_THAT(complaint_about("{'shape': (99999999999999999999,)}"), HasSubstr("an extent that is not a count"));
  EXPECT_THAT(complaint_about("{'fortran_order': 1}"), HasSubstr("a fortran_order other than True and False"));
  EXPECT_THAT(complaint_about("{'descr': '<f4"), HasSubstr("an unterminated string"));
}

TEST(Npy, RefusesASizeThatIsNotThatOfTheFile) {
  const auto complaint = [](const std::string& shape, const std::string& data) {
    return complaint_about("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }", data);
  };
  EXPECT_THAT(complaint("(2,)", "1234"), HasSubstr("x.npy: shape [2] of float32 needs 8 bytes, the file has 4"));
  EXPECT_THAT(complaint("(1,)", "12345678"), HasSubstr("needs 4 bytes, the file has 8"));
  EXPECT_THAT(complaint_about("{'descr': '<u2', 'fortran_order': True, 'shape': (2, 3), }", "1234"),
              HasSubstr("x.npy: shape [2, 3] of uint16 needs 12 bytes, the file has 4"))
      << "as numpy says it, not turned around";
  EXPECT_THAT(complaint_about("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", "1"),
              HasSubstr("shape [2] of bool needs 2 bytes"));
  EXPECT_THAT(complaint("(4611686018427387904, 4)", "1234"), HasSubstr("overflows"));
  EXPECT_THAT(complaint("(1000000000000,)", "1234"), HasSubstr("needs 4000000000000 bytes, the file has 4"));
}

TEST(Npy, MapsWhatItReads) {
  const monge::testing::ScratchFolder scratch;
  for (const auto& [name, tensor] : monge::testing::tensors_of_all_types().tensors) {
    if (tensor.scalar_type() == torch::kBFloat16) continue;
    write_npy(scratch / "x.npy", tensor);
    const auto mapped = map_npy(scratch / "x.npy");
    EXPECT_EQ(mapped.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(mapped, tensor.detach())) << name;
  }
}

/// Bytes of the process's mappings of `path`, by the system's own list.
int64_t mapped_bytes(const std::filesystem::path& path) {
  std::ifstream maps("/proc/self/maps");
  int64_t out = 0;
  for (std::string line; std::getline(maps, line);) {
    if (!line.ends_with(path.string())) continue;
    unsigned long long begin = 0, end = 0;
    std::sscanf(line.c_str(), "%llx-%llx", &begin, &end);
    out += static_cast<int64_t>(end - begin);
  }
  return out;
}

TEST(Npy, AMappingLivesAsLongAsAViewOfIt) {
  const monge::testing::ScratchFolder scratch;
  const auto path = scratch / "x.npy";
  write_npy(path, torch::arange(5000, torch::kFloat32).view({1000, 5}));
  auto rows = map_npy(path);
  EXPECT_GE(mapped_bytes(path), 20'000);
  auto view = rows.narrow(0, 990, 3);
  rows = torch::Tensor();
  EXPECT_GE(mapped_bytes(path), 20'000);
  EXPECT_EQ(view[1][2].item<float>(), 991 * 5 + 2);
  view = torch::Tensor();
  EXPECT_EQ(mapped_bytes(path), 0);
}

TEST(Npy, CopiesWhatCannotBeShared) {
  const monge::testing::ScratchFolder scratch;
  const auto numbers = torch::arange(6, torch::kFloat32);
  const auto data = npy_bytes(numbers).substr(128);
  const auto put = [&](const std::string& header) { real_files().replace(scratch / "x.npy", file_of(header, data)); };
  put("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }");
  EXPECT_TRUE(torch::equal(map_npy(scratch / "x.npy"), numbers.view({3, 2}).t()));
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  while ((10 + header.size()) % 4 != 1) header += ' ';  // the data begin at an odd place
  put(header);
  const auto read = map_npy(scratch / "x.npy");
  EXPECT_TRUE(torch::equal(read, numbers.view({2, 3})));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(read.data_ptr()) % 4, 0u);
  EXPECT_EQ(mapped_bytes(scratch / "x.npy"), 0);
}

TEST(Npy, MappingComplainsAsReadingDoes) {
  const monge::testing::ScratchFolder scratch;
  const auto path = scratch / "x.npy";
  const auto complaints = [&](const std::string& bytes) {
    real_files().replace(path, bytes);
    const auto mapped = monge::testing::message_of([&] { map_npy(path); });
    EXPECT_EQ(mapped, monge::testing::message_of([&] { read_npy(path); }));
    return mapped;
  };
  const auto whole = npy_bytes(torch::zeros({4, 4}));
  EXPECT_THAT(complaints(whole.substr(0, whole.size() - 3)),
              HasSubstr("x.npy: shape [4, 4] of float32 needs 64 bytes, the file has 61"));
  EXPECT_THAT(complaints(whole + "12"), HasSubstr("the file has 66"));
  EXPECT_THAT(complaints(whole.substr(0, 50)), HasSubstr("truncated in its header"));
  EXPECT_THAT(complaints(""), HasSubstr("is not a .npy file"));
  EXPECT_THAT(complaints(file_of("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "12345678")),
              HasSubstr("Python objects"));
  EXPECT_THAT(monge::testing::message_of([&] { map_npy(scratch / "none.npy"); }), HasSubstr("none.npy: no such file"));
}

TEST(Npy, RefusesToWriteBfloat16) {
  EXPECT_THAT(monge::testing::message_of([] { npy_bytes(torch::zeros({1}, torch::kBFloat16)); }),
              HasSubstr("convert it to float32"));
}

TEST(Npy, SurvivesDamage) {
  const auto parse = [](const std::string& bytes) { parse_npy(bytes, "damaged"); };
  EXPECT_GT(monge::testing::refuses_damage(npy_bytes(torch::randn({3, 4, 5})), 5000, parse), 2500);
}

TEST(Npy, ReadsEveryFixture) {
  MONGE_NEEDS_SHARED("fixtures/resize");
  int files = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(monge::testing::shared_folder() / "fixtures")) {
    if (entry.path().extension() != ".npy") continue;
    EXPECT_GT(read_npy(entry.path()).numel(), 0) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 30);
}

}  // namespace
}  // namespace monge::io
