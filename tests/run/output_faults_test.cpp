// Outputs of a translation whose writing is stopped, or refused, at each of its operations on files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <torch/types.h>

#include <csignal>
#include <filesystem>
#include <string>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/cells.h"
#include "monge/io/anndata_writer.h"
#include "monge/run/output_writer.h"
#include "tests/support/h5ad.h"
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

// HDF5 writes by functions of its own, to a file under another name; what is disturbed are the steps that publish it.
TEST(DisturbedOutputs, AFileOfCellsInThePlaceOfAnother) {
  const testing::ScratchFolder scratch;
  const auto in = scratch / "cells.h5ad";
  testing::write_cells(in);
  for (const std::string where : {"", "?where=good=true"}) {
    SCOPED_TRACE(where);
    const auto cells = data::choose_cells(in.string() + where).cells;
    testing::expect_sound_at_every_operation(
        {.prepare = [](const auto& folder) { real_files().replace(folder / "out.h5ad", "old"); },
         .act =
             [&](const auto& folder) {
               io::AnnDataWriter writer(in, cells, folder / "out.h5ad");
               const auto layer = writer.add({.group = "layers", .name = "new", .width = 4});
               writer.write(layer, 0, torch::ones({static_cast<int64_t>(cells.size()), 4}));
               writer.finish();
             },
         .is_result = is_output,
         .least_operations = 3});
  }
}

// A limit on the size of files stands for a disk that fills while HDF5 writes.
TEST(DisturbedOutputs, AFileOfCellsOnAFullDisk) {
  const testing::ScratchFolder scratch;
  const auto in = scratch / "cells.h5ad", out = scratch / "out.h5ad";
  testing::write_cells(in);
  const auto cells = data::choose_cells(in.string()).cells;
  const auto needed = static_cast<rlim_t>(std::filesystem::file_size(in));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  for (const rlim_t most : {needed / 2, needed + 1, needed + 600}) {
    SCOPED_TRACE(most);
    real_files().replace(out, "old");
    const rlimit small{most, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool refused = false;
    try {
      io::AnnDataWriter writer(in, cells, out);
      const auto layer = writer.add({.group = "layers", .name = "new", .width = 1000});
      writer.write(layer, 0, torch::ones({static_cast<int64_t>(cells.size()), 1000}));
      writer.finish();
    } catch (const SystemError& error) {
      refused = true;
      EXPECT_THAT(error.what(),
                  ::testing::AllOf(::testing::HasSubstr(out.string()), ::testing::EndsWith(": File too large")));
    }
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_TRUE(refused);
    EXPECT_EQ(real_files().read(out), "old");
    EXPECT_FALSE(std::filesystem::exists(out.string() + ".part"));
  }
  std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace monge::run
