// Images in Parquet: how they are named, in every build; with MONGE_PARQUET also files, which are written here by Arrow
// itself.
#ifdef MONGE_PARQUET
#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#endif

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/check.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/images.h"
#include "monge/data/open.h"
#include "monge/data/pack.h"
#include "monge/data/parallel.h"
#include "monge/data/parquet_path.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::ScratchFolder;

TEST(ParquetPath, IsTakenApart) {
  const auto plain = parquet_path("a/b.parquet"), loud = parquet_path("a/b.PARQUET?column=x&y=z.parquet");
  ASSERT_TRUE(plain && loud);
  EXPECT_EQ(plain->file, "a/b.parquet");
  EXPECT_EQ(plain->column, "");
  EXPECT_EQ(loud->file, "a/b.PARQUET");
  EXPECT_EQ(loud->column, "x&y=z.parquet") << "a column may have any name";
  EXPECT_EQ(parquet_path("t-{00..12}-of-13.parquet?column=image")->file, "t-{00..12}-of-13.parquet");
  for (const char* other : {"a.png", "parquet", "a.parquet.zip", "toy:moons?column=a", ""})
    EXPECT_FALSE(parquet_path(other)) << other;
  for (const char* bad : {"a.parquet?", "a.parquet?column=", "a.parquet?colum=x"}) {
    EXPECT_THAT(message_of([&] { parquet_path(bad); }), AllOf(HasSubstr(bad), HasSubstr("column=NAME"))) << bad;
  }
}

TEST(ParquetPath, GivesItsFiles) {
  const ScratchFolder folder;
  const auto put = [&](const std::string& name) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << "x";
  };
  const auto files = [&](const std::string& name) {
    std::vector<std::string> out;
    for (const auto& file : parquet_files(*parquet_path(folder / name)))
      out.push_back(file.lexically_relative(folder.path()).string());
    return out;
  };
  for (const char* name : {"a-0.parquet", "a-1.parquet", "what?column=x.parquet", "s.parquet/part-1.parquet",
                           "s.parquet/part-0.parquet", "s.parquet/_SUCCESS", "s.parquet/.hidden.parquet"})
    put(name);
  EXPECT_THAT(files("a-1.parquet?column=b"), ElementsAre("a-1.parquet"));
  EXPECT_THAT(files("a-{0..1}.parquet"), ElementsAre("a-0.parquet", "a-1.parquet"));
  EXPECT_THAT(files("s.parquet"), ElementsAre("s.parquet/part-0.parquet", "s.parquet/part-1.parquet"));
  EXPECT_THAT(files("what?column=x.parquet"), ElementsAre("what?column=x.parquet")) << "a file of that name is there";
  EXPECT_THAT(message_of([&] { files("a-{0..4}.parquet"); }),
              AllOf(HasSubstr("3 of 5 shards"), HasSubstr("a-2.parquet")));
  EXPECT_THAT(message_of([&] { files("b.parquet?column=b"); }),
              AllOf(HasSubstr("b.parquet: no such file"), Not(HasSubstr("column"))));
  fs::create_directories(folder / "empty.parquet");
  EXPECT_THAT(message_of([&] { files("empty.parquet"); }),
              HasSubstr("empty.parquet: the folder holds no .parquet files"));
}

TEST(ParquetPath, AFolderOfParquetSaysHowToNameIt) {
  const ScratchFolder folder;
  std::ofstream(folder / "train-00000-of-00002.parquet") << "x";
  EXPECT_THAT(message_of([&] { open_image_collection(folder.path(), silent()); }),
              AllOf(HasSubstr("no images found"), HasSubstr("NAME-{00000..00012}-of-00013.parquet")));
}

#ifndef MONGE_PARQUET

TEST(Parquet, ABuildWithoutItSaysWhatToDo) {
  const ScratchFolder folder;
  std::ofstream(folder / "a.parquet") << "PAR1";
  for (const std::string name : {"a.parquet", "a.parquet?column=image"}) {
    const auto path = (folder / name).string();
    const auto complaint =
        AllOf(HasSubstr(path + ": this build cannot read Parquet;"), HasSubstr("MONGE_PARQUET=1 script/build"),
              HasSubstr("python3 -c"), HasSubstr("pandas.read_parquet"), HasSubstr("iter_batches"));
    EXPECT_THAT(message_of([&] { open_image_collection(path, silent()); }), complaint);
    SourceOptions options;
    options.path = path;
    EXPECT_THAT(message_of([&] { open_source(options, silent()); }), complaint);
  }
  EXPECT_THAT(message_of([&] { open_image_collection(folder / "b.parquet", silent()); }),
              AllOf(HasSubstr("no such file"), Not(HasSubstr("script/build"))));
}

#else

std::string image(int red, int side = 6) {
  auto out = torch::full({side, side, 3}, 100, torch::kUInt8);
  out.select(2, 0).fill_(red);
  return io::encode_png(out);
}

int red(const ImageCollection& images, int64_t i) {
  io::ImageNotes ignored;
  return images.decode(i, ignored)[0][0][0].item<int>();
}

std::vector<std::string> names(const ImageCollection& images) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < images.size(); ++i) out.push_back(images.name(i));
  return out;
}

using Texts = std::vector<std::optional<std::string> >;

template <class Builder>
std::shared_ptr<arrow::Array> array_of(const Texts& values) {
  Builder builder;
  for (const auto& value : values) PARQUET_THROW_NOT_OK(value ? builder.Append(*value) : builder.AppendNull());
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> binary(const Texts& values) { return array_of<arrow::BinaryBuilder>(values); }
std::shared_ptr<arrow::Array> strings(const Texts& values) { return array_of<arrow::StringBuilder>(values); }

/// As Hugging Face's datasets keep images. @param null  rows whose struct itself is missing.
std::shared_ptr<arrow::Array> images(const Texts& bytes, const Texts& paths, const std::set<size_t>& null = {}) {
  const std::vector<std::shared_ptr<arrow::Field> > fields{arrow::field("bytes", arrow::binary()),
                                                           arrow::field("path", arrow::utf8())};
  auto bits = arrow::AllocateEmptyBitmap(static_cast<int64_t>(bytes.size())).ValueOrDie();
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (!null.contains(i)) bits->mutable_data()[i / 8] |= static_cast<uint8_t>(1 << (i % 8));
  }
  return arrow::StructArray::Make({binary(bytes), strings(paths)}, fields,
                                  std::shared_ptr<arrow::Buffer>(std::move(bits)))
      .ValueOrDie();
}

std::shared_ptr<arrow::Array> numbers(size_t count) {
  arrow::Int64Builder builder;
  for (size_t i = 0; i < count; ++i) PARQUET_THROW_NOT_OK(builder.Append(static_cast<int64_t>(i)));
  return builder.Finish().ValueOrDie();
}

using Columns = std::vector<std::pair<std::string, std::shared_ptr<arrow::Array> > >;

void write(const fs::path& path, const Columns& columns, int64_t rows_a_group = 2, bool dictionary = true) {
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (const auto& [name, array] : columns) {
    fields.push_back(arrow::field(name, array->type()));
    arrays.push_back(array);
  }
  const auto table = arrow::Table::Make(arrow::schema(fields), arrays);
  auto properties = parquet::WriterProperties::Builder();
  properties.compression(parquet::Compression::SNAPPY)->enable_page_checksum();
  if (!dictionary) properties.disable_dictionary();
  const auto out = arrow::io::FileOutputStream::Open(path.string()).ValueOrDie();
  PARQUET_THROW_NOT_OK(
      parquet::arrow::WriteTable(*table, arrow::system_memory_pool(), out, rows_a_group, properties.build()));
  PARQUET_THROW_NOT_OK(out->Close());
}

Texts reds(int count, int first = 0) {
  Texts out;
  for (int i = 0; i < count; ++i) out.push_back(image(first + i));
  return out;
}

template <class Builder, class Value>
std::shared_ptr<arrow::Array> values(const std::vector<std::optional<Value> >& list) {
  Builder builder;
  for (const auto& value : list) PARQUET_THROW_NOT_OK(value ? builder.Append(*value) : builder.AppendNull());
  return builder.Finish().ValueOrDie();
}
std::shared_ptr<arrow::Array> doubles(const std::vector<std::optional<double> >& list) {
  return values<arrow::DoubleBuilder>(list);
}

TEST(Parquet, ReadsTablesOfNumbers) {
  const ScratchFolder folder;
  const auto path = (folder / "t.parquet").string();
  write(path, {{"x", doubles({0.1, 1700000000.25, -3.0})},
               {"f", values<arrow::FloatBuilder, float>({1.5f, 2.5f, 3.5f})},
               {"n", numbers(3)},
               {"u", values<arrow::UInt32Builder, uint32_t>({4294967295u, 0u, 7u})},
               {"b", values<arrow::BooleanBuilder, bool>({true, false, true})},
               {"__index_level_0__", strings({"A", "B", "C"})}});
  std::vector<std::string> lines;
  const auto source = open_source({.path = path}, [&](LogLevel, const std::string& line) { lines.push_back(line); });
  EXPECT_THAT(lines, ElementsAre(path + ": 3 rows x 5 columns: x, f, n, u, b (Parquet, index \"__index_level_0__\")"));
  EXPECT_TRUE(torch::equal(
      source->exact_items({1, 0}),
      torch::tensor({{1700000000.25, 2.5, 1.0, 0.0, 0.0}, {0.1, 1.5, 0.0, 4294967295.0, 1.0}}, torch::kFloat64)));
  EXPECT_THAT(source->table_names().rows, ElementsAre("A", "B", "C"));
  const auto chosen = open_source({.path = path + "?columns=n,x&index=f"});
  EXPECT_THAT(chosen->table_names().columns, ElementsAre("n", "x"));
  EXPECT_THAT(chosen->table_names().rows, ElementsAre("1.5", "2.5", "3.5"));
  EXPECT_EQ(open_source({.path = path + "?columns=f"})->number_type(), torch::kFloat32);
  EXPECT_THAT(message_of([&] { open_source({.path = path + "?columns=y"}); }),
              AllOf(HasSubstr(path), HasSubstr("no such column, got \"y\"")));
}

TEST(Parquet, NamesWhatIsNoNumberOrMissing) {
  const ScratchFolder folder;
  const auto path = (folder / "t.parquet").string();
  write(path, {{"x", doubles({0.5, std::nullopt, 2.0})}, {"kind", strings({"a", "b", "c"})}});
  EXPECT_THAT(
      message_of([&] { open_source({.path = path}); }),
      AllOf(HasSubstr("a column holds no numbers, got \"kind\" (BYTE_ARRAY, String)"), HasSubstr("allowed: \"x\"")));
  EXPECT_THAT(message_of([&] { open_source({.path = path + "?columns=x"}); }),
              AllOf(HasSubstr("row 1, column \"x\": a value is missing"), HasSubstr("?missing=drop")));
  const auto dropped = open_source({.path = path + "?columns=x&missing=drop&index=kind"});
  EXPECT_EQ(dropped->size(), 2);
  EXPECT_THAT(dropped->table_names().rows, ElementsAre("a", "c"));
  EXPECT_THAT(message_of([&] { open_source({.path = path + "?columns=x&header=no"}); }),
              HasSubstr("unknown parameter"));
}

TEST(Parquet, ReadsABinaryColumnInTheOrderOfItsRows) {
  const ScratchFolder folder;
  for (const int64_t rows_a_group : {1, 2, 5, 100}) {
    for (const bool dictionary : {false, true}) {
      write(folder / "a.parquet", {{"label", numbers(5)}, {"text", strings(Texts(5, "x"))}, {"img", binary(reds(5))}},
            rows_a_group, dictionary);
      const auto images = open_image_collection(folder / "a.parquet", silent());
      ASSERT_EQ(images->size(), 5);
      for (const int64_t i : {4, 0, 3, 1, 2}) EXPECT_EQ(red(*images, i), i) << rows_a_group;
      EXPECT_EQ(images->name(4), "row-000004");
      EXPECT_EQ(images->where(4), (folder / "a.parquet").string() + ", row 4");
    }
  }
}

TEST(Parquet, TakesLargeBinaryToo) {
  const ScratchFolder folder;
  write(folder / "a.parquet", {{"img", array_of<arrow::LargeBinaryBuilder>(reds(3))}});
  EXPECT_EQ(red(*open_image_collection(folder / "a.parquet", silent()), 2), 2);
}

TEST(Parquet, NamesRowsByTheirPathsAndNeverTwiceTheSame) {
  const ScratchFolder folder;
  const Texts paths{"cat.jpg",    "twice.png",  std::nullopt, "../up.png", "twice.png",  "/root/a.png",
                    "row-000000", "./d//e.png", "",           "a\nb.png",  "d/e\xff.png"};
  write(folder / "a.parquet", {{"image", images(reds(11), paths)}}, 3);
  std::vector<std::string> logged;
  const auto images =
      open_image_collection(folder / "a.parquet", [&](LogLevel, const std::string& line) { logged.push_back(line); });
  EXPECT_THAT(names(*images),
              ElementsAre("cat.jpg", "row-000001/twice.png", "row-000002", "row-000003", "row-000004/twice.png",
                          "row-000005", "row-000006/row-000000", "d/e.png", "row-000008", "row-000009", "row-000010"));
  EXPECT_THAT(logged, ElementsAre(HasSubstr("6 of 11 rows have no path")));
  for (int64_t i = 0; i < 11; ++i) EXPECT_EQ(red(*images, i), i);
  EXPECT_EQ(images->where(0), (folder / "a.parquet").string() + ", row 0 (cat.jpg)");
}

TEST(Parquet, ShardsAreOneRowNamedAfterTheirFiles) {
  const ScratchFolder folder;
  write(folder / "t-0-of-2.parquet", {{"image", images(reds(3), {"a.png", "b.png", "c.png"})}});
  write(folder / "t-1-of-2.parquet", {{"image", images(reds(2, 3), {"a.png", std::nullopt})}});
  const auto images = open_image_collection(folder / "t-{0..1}-of-2.parquet", silent());
  EXPECT_THAT(names(*images), ElementsAre("t-0-of-2/a.png", "t-0-of-2/b.png", "t-0-of-2/c.png", "t-1-of-2/a.png",
                                          "t-1-of-2/row-000001"));
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(red(*images, i), i);
  fs::create_directories(folder / "spark.parquet");
  fs::rename(folder / "t-0-of-2.parquet", folder / "spark.parquet" / "part-0.parquet");
  EXPECT_THAT(names(*open_image_collection(folder / "spark.parquet", silent())),
              ElementsAre("a.png", "b.png", "c.png"));
}

TEST(Parquet, TheColumnIsNamedWhereSeveralFit) {
  const ScratchFolder folder;
  const auto path = folder / "a.parquet";
  write(path, {{"before", binary(reds(2))},
               {"after", images(reds(2, 50), {"x.png", "y.png"})},
               {"caption", strings({"a", "b"})},
               {"n", numbers(2)}});
  const auto open = [&](const std::string& column) {
    return open_image_collection(path.string() + (column.empty() ? "" : "?column=" + column), silent());
  };
  EXPECT_EQ(red(*open("before"), 1), 1);
  EXPECT_EQ(red(*open("after"), 1), 51);
  EXPECT_THAT(message_of([&] { open(""); }), AllOf(HasSubstr("several columns"), HasSubstr(path.string()),
                                                   HasSubstr("\"before\", \"after\""), HasSubstr("?column=NAME")));
  EXPECT_THAT(message_of([&] { open("befor"); }),
              AllOf(HasSubstr("no such column"), HasSubstr(path.string()), HasSubstr("did you mean \"before\"?")));
  EXPECT_THAT(message_of([&] { open("caption"); }),
              AllOf(HasSubstr("cannot hold images"), HasSubstr("\"caption\" (text)"), HasSubstr("binary")));
  EXPECT_THAT(message_of([&] { open("n"); }), HasSubstr("\"n\" (INT64)"));
  write(path, {{"caption", strings({"a", "b"})}});
  EXPECT_THAT(message_of([&] { open(""); }),
              AllOf(HasSubstr("no column can hold images"), HasSubstr(path.string()), HasSubstr("\"caption\" (text)")));
}

TEST(Parquet, ListsOfImagesAreNotTaken) {
  const ScratchFolder folder;
  const auto values = std::make_shared<arrow::BinaryBuilder>();
  arrow::ListBuilder builder(arrow::default_memory_pool(), values);
  PARQUET_THROW_NOT_OK(builder.Append());
  PARQUET_THROW_NOT_OK(values->Append(image(1)));
  write(folder / "a.parquet", {{"frames", builder.Finish().ValueOrDie()}});
  EXPECT_THAT(message_of([&] { open_image_collection(folder / "a.parquet", silent()); }),
              AllOf(HasSubstr("no column can hold images"), HasSubstr("\"frames\" (List)")));
}

TEST(Parquet, RowsWithoutAImageAreFaultsOfTheirOwn) {
  const ScratchFolder folder;
  const auto path = folder / "a.parquet";
  write(path, {{"image", images({image(0), std::nullopt, image(2), "", "junk", image(5)},
                                {"a.png", "b.png", "c.png", "d.png", "e.png", "f.png"}, {2})}});
  const auto images = open_image_collection(path, silent());
  io::ImageNotes ignored;
  EXPECT_THAT(message_of([&] { images->decode(1, ignored); }), HasSubstr("a.parquet, row 1 (b.png): has no image"));
  EXPECT_THAT(message_of([&] { images->decode(2, ignored); }), HasSubstr("a.parquet, row 2: has no image"));
  EXPECT_THAT(message_of([&] { images->decode(3, ignored); }), HasSubstr("a.parquet, row 3 (d.png)"));
  EXPECT_EQ(red(*images, 5), 5);

  const auto report = check_images(path, {}, silent(), {}, std::atomic<bool>{false});
  EXPECT_THAT(report.corrupt,
              ElementsAre(HasSubstr("row 1"), HasSubstr("row 2"), HasSubstr("row 3"), HasSubstr("row 4")));

  ImageOptions options;
  options.size = 6;
  EXPECT_THAT(message_of([&] { ImageSource(path, options, {}, silent()); }),
              AllOf(HasSubstr("4 of 6 images cannot be used"), HasSubstr("row 1 (b.png): has no image")));
  options.on_error = "skip";
  const ImageSource source(path, options, {}, silent());
  EXPECT_EQ(source.size(), 2);
  EXPECT_EQ(source.open_report().left_out.size(), 4u);
  EXPECT_EQ(source.item_name(1), "f.png");
}

TEST(Parquet, PathsAloneAreNoImages) {
  const ScratchFolder folder;
  write(folder / "a.parquet", {{"image", images(Texts(3), {"/x/a.png", "/x/b.png", "/x/c.png"})}}, 2);
  EXPECT_THAT(
      message_of([&] { open_image_collection(folder / "a.parquet", silent()); }),
      AllOf(HasSubstr("all of its 3 rows are null"), HasSubstr("got \"image\""), HasSubstr("embed_table_storage")));
  fs::rename(folder / "a.parquet", folder / "t-0.parquet");
  write(folder / "t-1.parquet", {{"image", images({image(7)}, {"d.png"})}});
  EXPECT_EQ(red(*open_image_collection(folder / "t-{0..1}.parquet", silent()), 3), 7) << "one of two";
}

TEST(Parquet, WhatIsDamagedIsAnErrorThatNamesTheFile) {
  const ScratchFolder folder;
  const auto path = folder / "a.parquet";
  const auto message = [&] { return message_of([&] { open_image_collection(path, silent()); }); };
  for (const std::string bytes :
       {"", "P", "PAR1", "PAR1PAR1", "PAR1\xff\xff\xff\x7fPAR1", "no Parquet at all, but longer than a footer"}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    EXPECT_THAT(message(), HasSubstr(path.string() + ": the ")) << bytes;
  }
  write(path, {{"image", images({}, {})}});
  EXPECT_THAT(message(), HasSubstr(path.string() + ": holds no rows"));
  write(path, {{"image", binary(reds(4))}});
  const auto images = open_image_collection(path, silent());
  fs::resize_file(path, fs::file_size(path) - 1);
  EXPECT_THAT(message_of([&] { red(*images, 0); }),
              AllOf(HasSubstr(path.string()), HasSubstr("the file has changed since it was opened")));
  EXPECT_THAT(message(), HasSubstr(path.string() + ": the Parquet file cannot be read"));
}

// Nothing may crash, hang or take absurd memory, wherever a byte changes. What was changed before the footer is told:
// the pages have checksums.
TEST(Parquet, SurvivesDamageAnywhere) {
  const ScratchFolder folder;
  const auto path = folder / "a.parquet";
  write(path, {{"image", images(reds(5), {"a.png", "b.png", "c.png", "d.png", "e.png"})}}, 3);
  const auto good = real_files().read(path);
  const auto put = [&](const std::string& bytes) {
    fs::remove(path);  // to cut a file short and fill it again waits for the disk
    std::ofstream(path, std::ios::binary) << bytes;
  };
  const size_t footer =
      good.size() - 8 -
      (static_cast<uint8_t>(good[good.size() - 8]) + 256u * static_cast<uint8_t>(good[good.size() - 7]));
  ASSERT_LT(footer, good.size());
  Texts expected = reds(5);
  int refused = 0, opened = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (at % 3 == 0 ? 0x80 : at % 3 == 1 ? 0xff : 0x01));
    put(bad);
    try {
      const auto images = open_image_collection(path, silent());
      ++opened;
      ASSERT_LE(images->size(), 1'000'000) << at;
      std::string buffer;
      for (int64_t i = 0; i < std::min<int64_t>(images->size(), 5); ++i) {
        const auto bytes = images->bytes(i, buffer);
        EXPECT_TRUE(at >= footer || bytes == *expected[static_cast<size_t>(i)]) << "byte " << at;
      }
    } catch (const SystemError& error) {
      ADD_FAILURE() << "byte " << at << ": " << error.what();
    } catch (const Error& error) {
      ++refused;
      EXPECT_THAT(error.what(), HasSubstr("a.parquet")) << at;
    }
  }
  EXPECT_GT(refused, static_cast<int>(footer) / 2);
  EXPECT_GT(opened, 0) << "else only the opening was tried";
  for (size_t length = 0; length < good.size(); length += 7) {
    put(good.substr(0, length));
    EXPECT_THAT(message_of([&] { open_image_collection(path, silent()); }), HasSubstr("a.parquet")) << length;
  }
}

TEST(Parquet, ManyThreadsReadAtOnce) {
  const ScratchFolder folder;
  write(folder / "t-0.parquet", {{"image", binary(reds(100))}}, 3);
  write(folder / "t-1.parquet", {{"image", binary(reds(100, 100))}}, 7);
  const auto images = open_image_collection(folder / "t-{0..1}.parquet", silent());
  std::atomic<int> wrong = 0;
  for_each_parallel(2000, [&] {
    return [&](int64_t k) {
      const int64_t i = k * 73 % 200;
      if (red(*images, i) != i) ++wrong;
    };
  });
  EXPECT_EQ(wrong, 0);
}

// Room for none, for one and for three of twelve row groups: threads wait for each other, and no order of theirs may
// stop them.
TEST(Parquet, RowGroupsThatDoNotFitAreReadAnew) {
  const ScratchFolder folder;
  constexpr int64_t kRow = 1 << 16;
  Texts rows;
  for (int i = 0; i < 12; ++i) rows.push_back(std::string(kRow, static_cast<char>('a' + i)));
  rows[5] = std::nullopt;
  write(folder / "a.parquet", {{"image", binary(rows)}}, 1, /*dictionary=*/false);
  for (const int64_t room : {int64_t{0}, kRow + 100, 3 * kRow + 300}) {
    const auto images = open_image_parquet(*parquet_path(folder / "a.parquet"), silent(), room);
    std::atomic<int> wrong = 0, missing = 0;
    const auto read = [&](int first) {
      std::string buffer;
      for (int k = 0; k < 120; ++k) {
        const int i = (first + k * 7) % 12;
        try {
          const auto bytes = images->bytes(i, buffer);
          if (static_cast<int64_t>(bytes.size()) != kRow || bytes.front() != 'a' + i || bytes.back() != 'a' + i)
            ++wrong;
        } catch (const Error&) {
          ++(i == 5 ? missing : wrong);
        }
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int t = 0; t < 10; ++t) threads.emplace_back(read, t);
    }
    EXPECT_EQ(wrong, 0) << room;
    EXPECT_EQ(missing, 100) << room;
  }
}

// What one reader takes is no other reader's: together these hold far more than one of them may.
TEST(Parquet, LargeRowGroupsAreReadAtOnce) {
  const ScratchFolder folder;
  Texts rows;
  for (int i = 0; i < 8; ++i)
    rows.push_back(std::string(8 << 20, static_cast<char>('a' + i)));  // Snappy leaves a twentieth
  write(folder / "a.parquet", {{"image", binary(rows)}}, 1, /*dictionary=*/false);
  const auto images = open_image_collection(folder / "a.parquet", silent());
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> threads;
    for (int64_t i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        std::string buffer;
        try {
          if (images->bytes(i, buffer).back() == 'a' + i) ++good;
        } catch (const Error&) {
        }
      });
    }
  }
  EXPECT_EQ(good, 8);
}

TEST(Parquet, IsPackedAndTheSetKnowsItsSource) {
  const ScratchFolder folder;
  const auto path = folder / "a.parquet";
  write(path, {{"image", binary(reds(5))}});
  PackOptions options;
  options.preparation.height = options.preparation.width = 6;
  const std::atomic<bool> go_on{false};
  const auto pack_it = [&] { return pack(path, folder / "packed", options, silent(), {}, go_on); };
  EXPECT_EQ(pack_it().parts.at(0).images, 5);
  const auto packed = open_image_collection(folder / "packed", silent());
  EXPECT_EQ(packed->name(3), "row-000003");
  EXPECT_EQ(red(*packed, 3), 3);
  EXPECT_TRUE(pack_it().parts.at(0).was_there);
  write(path, {{"image", binary(Texts{image(0), image(1, 7), image(2), image(3), image(4)})}});
  EXPECT_THAT(message_of(pack_it), HasSubstr("other images or options")) << "names and lengths do not show the change";
}

TEST(Parquet, IsASourceLikeAnyOther) {
  const ScratchFolder folder;
  write(folder / "a.parquet", {{"image", binary(reds(5))}, {"mask", binary(reds(5))}});
  SourceOptions options;
  options.path = (folder / "a.parquet").string() + "?column=image";
  options.images.size = 6;
  for (const int64_t cache_mb : {0, 100}) {
    options.images.cache_mb = cache_mb;
    const auto source = open_source(options, silent());
    EXPECT_EQ(source->size(), 5);
    EXPECT_THAT(source->item_shape(), ElementsAre(3, 6, 6));
    EXPECT_NEAR(source->items({3})[0][0][0][0].item<double>(), 3 / 127.5 - 1, 1e-6);
  }
}

#endif

}  // namespace
}  // namespace monge::data
