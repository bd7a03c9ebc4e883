#include "monge/data/row_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/data/arrays.h"
#include "monge/data/open.h"
#include "monge/data/split.h"
#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

TEST(RowSource, GivesEveryTypeAsFloats) {
  const auto whole = torch::tensor({3, 100, 7, 0, 1, 2}, torch::kInt64).view({3, 2});
  for (const auto type : {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kInt64, torch::kInt32,
                          torch::kInt16, torch::kInt8, torch::kUInt8}) {
    const RowSource source("rows", whole.to(type));
    const auto items = source.items({2, 0, 2});
    EXPECT_EQ(items.scalar_type(), torch::kFloat32) << type;
    EXPECT_TRUE(torch::equal(items, torch::tensor({1.f, 2.f, 3.f, 100.f, 1.f, 2.f}).view({3, 2}))) << type;
  }
  EXPECT_TRUE(torch::equal(RowSource("b", whole.ne(0)).items({1}), torch::tensor({1.f, 0.f}).view({1, 2})));
}

TEST(RowSource, GivesIntegersWithoutSignAndExactValues) {
  const auto whole = torch::tensor({{1, 65535}, {7, 8}}, torch::kInt64);
  for (const auto type : {torch::kUInt16, torch::kUInt32, torch::kUInt64}) {
    const RowSource source("rows", whole.to(type));
    EXPECT_TRUE(torch::equal(source.items({0, 1}), whole.to(torch::kFloat32))) << type;
    EXPECT_TRUE(torch::equal(source.exact_items({1, 0}), whole.flip(0).to(torch::kFloat64))) << type;
  }
  const auto exact = torch::tensor({{0.1, 16777217.0}}, torch::kFloat64);
  EXPECT_TRUE(torch::equal(RowSource("d", exact).exact_items({0}), exact));
  auto bad = exact.clone();
  bad[0][1] = 1e300;
  EXPECT_THAT(message_of([&] { RowSource("d", bad).exact_items({0}); }),
              AllOf(HasSubstr("row 0, column 1"), HasSubstr("1e+300")));
}

TEST(RowSource, KeepsBytesOfImagesAndConvertsThoseOfVectors) {
  const auto bytes = torch::tensor({0, 255, 51, 1, 2, 3}, torch::kUInt8);
  const RowSource images("images", bytes.view({2, 3, 1, 1})), vectors("vectors", bytes.view({2, 3}));
  EXPECT_EQ(images.stored_items({1}).scalar_type(), torch::kUInt8);
  EXPECT_TRUE(torch::allclose(images.items({0}).flatten(), torch::tensor({-1.f, 1.f, -0.6f})));
  EXPECT_TRUE(torch::equal(vectors.items({0}).flatten(), torch::tensor({0.f, 255.f, 51.f})));
}

TEST(RowSource, NamesTheValueThatIsNotFiniteWhenItIsDrawn) {
  auto table = torch::zeros({5, 30}, torch::kFloat64);
  table[2][17] = std::numeric_limits<double>::quiet_NaN();
  table[3][29] = 1e300;
  table[4][0] = -std::numeric_limits<double>::infinity();
  const RowSource source("table", table);
  EXPECT_TRUE(torch::equal(source.items({0, 1}), torch::zeros({2, 30})));
  EXPECT_THAT(
      message_of([&] { source.items({0, 2}); }),
      AllOf(
          HasSubstr("table: a value is not a finite number in float32, at row 2, column 17 (counted from 0), got nan"),
          HasSubstr("drop or fill")));
  EXPECT_THAT(message_of([&] { source.items({3}); }), AllOf(HasSubstr("row 3, column 29"), HasSubstr("1e+300")));
  EXPECT_THAT(message_of([&] { source.items({4}); }), AllOf(HasSubstr("row 4, column 0"), HasSubstr("-inf")));
  auto images = torch::zeros({2, 3, 4, 4});
  images[1][2][0][3] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(message_of([&] { RowSource("i", images).items({1}); }), HasSubstr("item 1, position [2, 0, 3]"));
}

TEST(RowSource, RefusesOtherTensorsAndIndices) {
  EXPECT_THAT(message_of([] { RowSource("a", torch::zeros({4})); }),
              HasSubstr("a: one or more items [N, ...] are needed, got [4]"));
  EXPECT_THAT(message_of([] { RowSource("a", torch::zeros({2, 3}).t()); }), HasSubstr("contiguous"));
  EXPECT_THAT(message_of([] { RowSource("a", torch::zeros({2, 3}, torch::kComplexFloat)); }), HasSubstr("real"));
  EXPECT_THAT(message_of([] { RowSource("a", torch::zeros({2, 3})).items({2}); }),
              HasSubstr("item 2 does not exist; the items are 0 to 1"));
}

// What is asked for ahead ends with the file.
TEST(RowSource, GoesThroughAllOfAFile) {
  const ScratchFolder folder;
  const auto rows =
      torch::arange(3 * (1 << 20) + 77, torch::kFloat32).view({-1, 1});  // 12 MiB and a little: three blocks
  io::write_npy(folder / "rows.npy", rows);
  const RowSource source("rows", io::map_npy(folder / "rows.npy"));
  std::vector<torch::Tensor> parts;
  for (int64_t begin = 0; begin < rows.size(0); begin += 100'000) {
    std::vector<int64_t> indices(static_cast<size_t>(std::min<int64_t>(100'000, rows.size(0) - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    parts.push_back(source.items(indices));
  }
  EXPECT_TRUE(torch::equal(torch::cat(parts), rows));
}

TEST(RowSource, ThreadsMayDrawAtOnce) {
  const auto rows = torch::arange(30'000, torch::kFloat32).view({10'000, 3});
  const RowSource source("rows", rows);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 200; ++i) {
        const int64_t at = (i * 47 + static_cast<int64_t>(t) * 2'000) % 9'000;
        wrong[t] += !torch::equal(source.items({at, at + 900}), torch::stack({rows[at], rows[at + 900]}));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(std::accumulate(wrong.begin(), wrong.end(), 0), 0);
}

/// A sparse .npy of this size whose data are zeros but for `rows`, which lie at `at`.
void write_sparse(const fs::path& path, const std::vector<int64_t>& shape, int64_t at = 0,
                  const torch::Tensor& rows = {}) {
  const auto header = io::npy_header(torch::kFloat32, shape);
  int64_t bytes = 4;
  for (const int64_t extent : shape) bytes *= extent;
  std::ofstream(path, std::ios::binary) << header;
  fs::resize_file(path, header.size() + static_cast<uint64_t>(bytes));
  if (!rows.defined()) return;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(header.size()) + at * (bytes / shape[0]));
  file.write(static_cast<const char*>(rows.const_data_ptr()), static_cast<std::streamsize>(rows.nbytes()));
}

int64_t anonymous_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoll(line.substr(8));
  }
  return -1;
}

// 400 GB would not fit anywhere: what opens, splits and draws it has not read it.
TEST(Arrays, ALargeTableIsMappedAndNotRead) {
  const ScratchFolder folder;
  const auto path = folder / "large.npy";
  const int64_t rows = 2'000'000, columns = 50'000;
  try {
    write_sparse(path, {rows, columns}, 1'999'998, torch::tensor({1.f, 2.f, 3.f}));
  } catch (const fs::filesystem_error&) {
    GTEST_SKIP() << "this file system has no sparse files of that size";
  }
  const auto source = open_source({.path = path.string()});
  EXPECT_EQ(source->size(), rows);
  EXPECT_EQ(source->item_shape(), std::vector<int64_t>{columns});
  EXPECT_TRUE(torch::equal(source->items({1'999'998})[0].narrow(0, 0, 4), torch::tensor({1.f, 2.f, 3.f, 0.f})));
  const auto parts = hold_out(source, 1000, RandomStreams(0).at("hold out", 0));
  EXPECT_EQ(some_items(*parts.kept, 16, RandomStreams(0).at("x", 0)).sizes(), torch::IntArrayRef({16, columns}));
  EXPECT_LT(anonymous_kib(), 2'000'000);
}

TEST(Arrays, WhatIsMappedGivesTheSameItems) {
  const ScratchFolder folder;
  const auto rows = torch::rand({kMapFrom / 400 + 1, 100});  // a little more than the bound
  io::write_npy(folder / "rows.npy", rows);
  const auto mapped = open_array(folder / "rows.npy");
  EXPECT_NE(std::dynamic_pointer_cast<const RowSource>(mapped), nullptr);
  EXPECT_TRUE(torch::equal(mapped->items({3, 0, rows.size(0) - 1}), torch::stack({rows[3], rows[0], rows[-1]})));
  io::write_npy(folder / "few.npy", rows.narrow(0, 0, 1000));
  EXPECT_EQ(std::dynamic_pointer_cast<const RowSource>(open_array(folder / "few.npy")), nullptr);
  fs::resize_file(folder / "rows.npy", fs::file_size(folder / "rows.npy") - 3);
  EXPECT_THAT(message_of([&] { open_array(folder / "rows.npy"); }), HasSubstr("the file has"));
}

TEST(Arrays, ThatAreCutWhileTheyAreMappedAreAnErrorThatNamesThem) {
  const ScratchFolder folder;
  const auto path = folder / "rows.npy";
  const auto sparse = [&](torch::ScalarType type, const std::vector<int64_t>& shape) {
    const auto header = io::npy_header(type, shape);
    real_files().replace(path, header);
    int64_t bytes = static_cast<int64_t>(c10::elementSize(type));
    for (const int64_t extent : shape) bytes *= extent;
    fs::resize_file(path, header.size() + static_cast<size_t>(bytes));
  };
  const int64_t rows = static_cast<int64_t>(kMapFrom) / 4096;
  for (const auto type : {torch::kFloat32, torch::kInt64, torch::kUInt8}) {
    const bool images = type == torch::kUInt8;
    sparse(type, images ? std::vector<int64_t>{rows, 3, 40, 40} : std::vector<int64_t>{rows, 1024});
    const auto source = open_array(path);
    EXPECT_EQ(source->items({rows - 1}).abs().max().item<float>(), images ? 1 : 0);
    fs::resize_file(path, fs::file_size(path) / 2);
    for (const int64_t row : {rows - 2, rows - 1}) {
      EXPECT_THAT(message_of([&] { source->stored_items({row}); }),
                  AllOf(HasSubstr("rows.npy"), HasSubstr("has become shorter")))
          << type;
      EXPECT_THAT(message_of([&] { source->exact_items({0, row}); }), HasSubstr("has become shorter")) << type;
    }
    EXPECT_THAT(message_of([&] { source->items({0}); }), HasSubstr("has become shorter"))
        << "an error also where the row is still there: the set is not what was opened";
  }
}

TEST(Arrays, OfMappedImagesSomeAreLookedAt) {
  const ScratchFolder folder;
  const std::vector<int64_t> shape{3000, 3, 48, 48};
  write_sparse(folder / "fine.npy", shape);
  EXPECT_EQ(open_array(folder / "fine.npy")->item_shape(), (std::vector<int64_t>{3, 48, 48}));
  write_sparse(folder / "far.npy", shape, 0, torch::full({1, 3, 48, 48}, 255.f));
  EXPECT_THAT(message_of([&] { open_array(folder / "far.npy"); }),
              AllOf(HasSubstr("far.npy"), HasSubstr("255"), HasSubstr("[-1, 1]")));
  write_sparse(folder / "unit.npy", shape, 0, torch::full({1, 3, 48, 48}, 0.9f));
  EXPECT_THAT(message_of([&] { open_array(folder / "unit.npy"); }), HasSubstr("as if they were in [0, 1]"));
  write_sparse(folder / "turned.npy", {3000, 48, 48, 3});
  EXPECT_THAT(message_of([&] { open_array(folder / "turned.npy"); }), HasSubstr("channels to dimension 1"));
}

TEST(Arrays, OpenAnArrayOfAnNpz) {
  const ScratchFolder folder;
  const auto a = torch::rand({5, 3}), b = torch::rand({4, 2}, torch::kFloat64);
  io::write_archive(folder / "x.zip", {{"a.npy", io::npy_bytes(a)}, {"b.npy", io::npy_bytes(b)}});
  fs::rename(folder / "x.zip", folder / "x.npz");
  const auto path = (folder / "x.npz").string();
  const auto source = open_source({.path = "npz:" + path + "?key=b"});
  EXPECT_EQ(source->name(), "npz:" + path + "?key=b");
  EXPECT_TRUE(torch::equal(source->items({1}), b.narrow(0, 1, 1).to(torch::kFloat32)));
  EXPECT_THAT(message_of([&] { open_source({.path = path}); }), HasSubstr("\"a\", \"b\""));
  EXPECT_THAT(message_of([&] { open_source({.path = "npz:" + path + "?name=a"}); }),
              AllOf(HasSubstr("unknown parameter"), HasSubstr("key")));
  EXPECT_THAT(message_of([&] { open_source({.path = "npz:?key=a"}); }), HasSubstr("names no file"));
  EXPECT_THAT(message_of([&] { open_source({.path = "npz:x.npy"}); }), HasSubstr("x.npy is not a .npz file"));
  EXPECT_THAT(message_of([&] { open_source({.path = "npz:none.npz"}); }), HasSubstr("none.npz: no such file"));
}

TEST(Source, SomeIndicesAreDifferentAndOfAllPlaces) {
  for (const int64_t size : {10, 1 << 20, (1 << 20) + 1, 100'000'000}) {
    const int64_t n = std::min<int64_t>(size, 4000);
    const auto indices = some_indices(size, n + (size == 10 ? 5 : 0), RandomStreams(3).at("x", 0));
    ASSERT_EQ(static_cast<int64_t>(indices.size()), n);
    EXPECT_EQ(static_cast<int64_t>(std::set<int64_t>(indices.begin(), indices.end()).size()), n);
    EXPECT_GE(*std::min_element(indices.begin(), indices.end()), 0);
    EXPECT_LT(*std::max_element(indices.begin(), indices.end()), size);
    EXPECT_EQ(indices, some_indices(size, n, RandomStreams(3).at("x", 0)));
    if (size == 10) continue;
    const double mean =
        std::accumulate(indices.begin(), indices.end(), 0.0) / static_cast<double>(n) / static_cast<double>(size);
    EXPECT_NEAR(mean, 0.5, 5 * 0.2887 / std::sqrt(4000.0));  // five standard errors of the uniform law
  }
}

TEST(Split, KeepsTheOrderOfTheSourceInBothParts) {
  const auto source = std::make_shared<RowSource>("n", torch::arange(100, torch::kInt32).view({100, 1}));
  const auto all = [](const Source& part) {
    std::vector<int64_t> every(static_cast<size_t>(part.size()));
    std::iota(every.begin(), every.end(), 0);
    const auto items = part.items(every).flatten();
    return std::vector<float>(items.const_data_ptr<float>(), items.const_data_ptr<float>() + items.numel());
  };
  const auto random = hold_out(source, 30, RandomStreams(0).at("hold out", 0)), last = hold_out(source, 30);
  for (const auto* split : {&random, &last}) {
    const auto kept = all(*split->kept), held = all(*split->held_out);
    ASSERT_EQ(kept.size(), 70u);
    ASSERT_EQ(held.size(), 30u);
    EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()) && std::is_sorted(held.begin(), held.end()));
    std::set<float> both(kept.begin(), kept.end());
    both.insert(held.begin(), held.end());
    EXPECT_EQ(both.size(), 100u);
  }
  EXPECT_EQ(all(*last.held_out).front(), 70);
  // What was held out before this was made cheaper: the last 30 of the permutation.
  auto expected = torch::randperm(100, RandomStreams(0).at("hold out", 0), torch::kInt64).narrow(0, 70, 30);
  expected = std::get<0>(expected.sort()).to(torch::kFloat32);
  EXPECT_TRUE(torch::equal(expected, torch::tensor(all(*random.held_out))));
}

}  // namespace
}  // namespace monge::data
