// A packing that is stopped, or refused, at each of its operations on files.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/data/pack.h"
#include "monge/io/image.h"
#include "tests/support/files.h"
#include "tests/support/stops.h"

namespace monge::data {
namespace {

void expect_sound_packing(bool encoded) {
  const testing::ScratchFolder set;
  for (int i = 0; i < 3; ++i)
    testing::write_file(set / (std::to_string(i) + ".png"),
                        io::encode_png(torch::full({8, 8, 3}, 40 * i, torch::kUInt8)));
  PackOptions options;
  options.preparation.height = options.preparation.width = 8;
  options.shard_bytes = encoded ? 100 : 2 * 8 * 8 * 3;
  options.encoded = encoded;
  testing::expect_sound_at_every_operation(
      {.prepare = [](const auto& folder) { std::filesystem::create_directory(folder / "packed"); },
       .act =
           [&](const auto& folder) {
             pack(set.path(), folder / "packed", options, silent(), {}, std::atomic<bool>{false});
           },
       .is_result = [](const std::string& name) { return !name.starts_with("packed.part"); },
       .least_operations = 40});
}

TEST(DisturbedPack, OfPixels) { expect_sound_packing(false); }
TEST(DisturbedPack, OfEncodedFiles) { expect_sound_packing(true); }

}  // namespace
}  // namespace monge::data
