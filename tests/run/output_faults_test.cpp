// Outputs of a translation whose writing is stopped, or refused, at each of its operations on files.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/files.h"
#include "monge/run/output_writer.h"
#include "tests/support/stops.h"

namespace monge::run {
namespace {

bool is_output(const std::string& name) { return !name.ends_with(".part"); }

torch::Tensor two_images(int64_t seed) { return torch::full({2, 3, 4, 4}, 0.1 * static_cast<double>(seed)); }

void write_outputs(DataKind kind, const std::filesystem::path& out) {
  OutputWriter writer(kind, out, 3);
  for (int64_t i = 0; i < 3; ++i) {
    const auto name = (i == 2 ? "sub/" : "") + std::to_string(i) + ".png";
    writer.add(name, kind == DataKind::table ? torch::full({1, 2}, 0.5) : two_images(i));
  }
  writer.finish();
}

TEST(DisturbedOutputs, AFolderOfImages) {
  testing::expect_sound_at_every_operation(
      {.prepare = [](const auto&) {},
       .act = [](const auto& folder) { write_outputs(DataKind::folder, folder / "out"); },
       .is_result = is_output,
       .least_operations = 24});
}

TEST(DisturbedOutputs, AnArchiveInThePlaceOfAnother) {
  testing::expect_sound_at_every_operation(
      {.prepare = [](const auto& folder) { real_files().replace(folder / "out.zip", "old"); },
       .act = [](const auto& folder) { write_outputs(DataKind::archive, folder / "out.zip"); },
       .is_result = is_output,
       .least_operations = 5});
}

TEST(DisturbedOutputs, ATableInANewFolder) {
  testing::expect_sound_at_every_operation(
      {.prepare = [](const auto&) {},
       .act = [](const auto& folder) { write_outputs(DataKind::table, folder / "new" / "out.npy"); },
       .is_result = is_output,
       .least_operations = 5});
}

}  // namespace
}  // namespace monge::run
