#include "monge/io/npz.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/io/archive.h"
#include "monge/io/npy.h"
#include "tests/io/damage.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using testing::ScratchFolder;

/// A zip as numpy.savez writes it, or compressed as numpy.savez_compressed does.
void write_npz(const std::filesystem::path& path, const std::vector<ArchiveEntry>& entries, bool compressed) {
  auto* writer = archive_write_new();
  archive_write_set_format_zip(writer);
  compressed ? archive_write_zip_set_compression_deflate(writer) : archive_write_zip_set_compression_store(writer);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  for (const auto& [name, bytes] : entries) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
    archive_write_header(writer, entry);
    archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
}

TEST(Npz, ReadsStoredAndCompressedArraysByName) {
  const ScratchFolder folder;
  const auto a = torch::arange(3000, torch::kFloat32).view({1000, 3}), b = torch::ones({7, 2}, torch::kFloat64);
  for (const bool compressed : {false, true}) {
    const auto path = folder / (compressed ? "small.npz" : "large.npz");
    write_npz(path, {{"a.npy", npy_bytes(a)}, {"readme.txt", "x"}, {"inner/b.npy", npy_bytes(b)}}, compressed);
    EXPECT_THAT(npz_names(path), ElementsAre("a", "inner/b"));
    EXPECT_TRUE(torch::equal(read_npz(path, "a"), a));
    EXPECT_TRUE(torch::equal(read_npz(path, "inner/b"), b));
  }
  EXPECT_LT(std::filesystem::file_size(folder / "small.npz"), std::filesystem::file_size(folder / "large.npz") * 3 / 4);
  write_npz(folder / "one.npz", {{"arr_0.npy", npy_bytes(a)}}, false);
  EXPECT_TRUE(torch::equal(read_npz(folder / "one.npz"), a));
}

TEST(Npz, SaysWhichArraysThereAre) {
  const ScratchFolder folder;
  const auto path = folder / "pack.npz";
  write_npz(path, {{"source.npy", npy_bytes(torch::ones({2, 2}))}, {"target.npy", npy_bytes(torch::ones({2, 2}))}},
            false);
  EXPECT_THAT(message_of([&] { read_npz(path); }),
              AllOf(HasSubstr("pack.npz: holds 2 arrays, but no name was given (allowed: \"source\", \"target\")"),
                    HasSubstr("npz:FILE.npz?key=NAME")));
  EXPECT_THAT(message_of([&] { read_npz(path, "sorce"); }),
              AllOf(HasSubstr("there is no array \"sorce\""), HasSubstr("\"source\", \"target\""),
                    HasSubstr("did you mean \"source\"?")));
  write_npz(path, {{"readme.txt", "x"}}, false);
  EXPECT_THAT(message_of([&] { read_npz(path); }), HasSubstr("there is no array in this .npz file"));
  std::vector<ArchiveEntry> many;
  for (int i = 0; i < 30; ++i) many.push_back({"x" + std::to_string(i) + ".npy", npy_bytes(torch::ones({1}))});
  write_npz(path, many, false);
  EXPECT_THAT(message_of([&] { read_npz(path); }), AllOf(HasSubstr("\"x19\" and 10 more)"), Not(HasSubstr("x20"))));
}

TEST(Npz, RefusesWhatIsNoArray) {
  const ScratchFolder folder;
  const auto path = folder / "pack.npz";
  auto objects = npy_bytes(torch::zeros({1, 1}, torch::kFloat64));
  objects.replace(objects.find("'<f8'"), 5, "'|O' ");
  write_npz(path, {{"things.npy", objects}}, true);
  EXPECT_THAT(message_of([&] { read_npz(path); }),
              AllOf(HasSubstr("pack.npz, array \"things\": holds Python objects"), HasSubstr("pickled code")));
  EXPECT_THAT(message_of([&] { read_npz(folder / "none.npz"); }), HasSubstr("none.npz: no such file"));
  real_files().replace(path, "no zip at all");
  EXPECT_THAT(message_of([&] { read_npz(path); }), HasSubstr("pack.npz: is not a .npz file"));
  real_files().replace(path, "");
  EXPECT_THAT(message_of([&] { read_npz(path); }), HasSubstr("empty (0 bytes)"));
}

TEST(Npz, SurvivesDamage) {
  const ScratchFolder folder;
  for (const bool compressed : {false, true}) {
    write_npz(folder / "x.npz", {{"x.npy", npy_bytes(torch::arange(60, torch::kFloat32).view({20, 3}))}}, compressed);
    const auto parse = [&](const std::string& bytes) {
      real_files().append(folder / "damaged.npz", bytes);
      struct Gone {
        std::filesystem::path path;
        ~Gone() { std::filesystem::remove(path); }
      } gone{folder / "damaged.npz"};
      read_npz(gone.path);
    };
    EXPECT_GT(testing::refuses_damage(real_files().read(folder / "x.npz"), 400, parse), 150);
  }
}

}  // namespace
}  // namespace monge::io
