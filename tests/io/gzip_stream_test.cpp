#include "monge/io/gzip_stream.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

/// By zlib's own reader of files.
std::string inflated(const std::filesystem::path& path) {
  std::string out;
  char block[4096];
  gzFile file = gzopen(path.c_str(), "rb");
  for (int length; (length = gzread(file, block, sizeof block)) > 0;) out.append(block, static_cast<size_t>(length));
  EXPECT_EQ(gzclose_r(file), Z_OK);
  return out;
}

TEST(GzipStream, PiecesComeBackAsOne) {
  const monge::testing::ScratchFolder folder;
  std::string all, compressed;
  GzipStream stream;
  for (int i = 0; i < 50'000; ++i) {
    const auto piece = "line " + std::to_string(i * 7919 % 1000) + "\n";
    all += piece;
    compressed += stream.add(piece);
  }
  compressed += stream.add("");
  compressed += stream.finish();
  std::ofstream(folder / "x.gz", std::ios::binary) << compressed;
  EXPECT_LT(compressed.size(), all.size() / 3);
  EXPECT_EQ(inflated(folder / "x.gz"), all);
}

TEST(GzipStream, NothingIsAFileToo) {
  const monge::testing::ScratchFolder folder;
  std::ofstream(folder / "x.gz", std::ios::binary) << GzipStream().finish();
  EXPECT_EQ(inflated(folder / "x.gz"), "");
  EXPECT_GT(std::filesystem::file_size(folder / "x.gz"), 0u);
}

}  // namespace
}  // namespace monge::io
