// A scratch folder with recipes and images, and what the tests of the program use.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "monge/io/image.h"
#include "tests/cli/processes.h"

namespace monge {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::monge;
using ::testing::Not;

inline const char* const kVectors = R"(
method = "weak"
[source]
path = "toy:gaussian"
[target]
path = "toy:moons"
[weak]
z = 2
[map]
width = 16
[potential]
width = 16
[train]
iterations = 12
threads = 1
batch = 32
k_t = 2
[checkpoint]
every = 4
[eval]
every = 6
samples = 64
[samples]
every = 6
)";

/// A scratch folder with a recipe for vectors and one for small images.
class Cli : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder / "v.toml") << kVectors;
    fs::create_directories(folder / "images" / "inner");
    for (int i = 0; i < 6; ++i) {
      const auto image = torch::full({20, 24, 3}, 40 * i, torch::kUInt8);
      io::write_image(folder / "images" / (i % 2 ? "inner" : ".") / (std::to_string(i) + ".png"), image);
    }
    std::ofstream(folder / "p.toml")
        << "method = \"weak\"\n[source]\npath = \"images\"\nsize = 16\n[target]\npath = \"images\"\n"
           "size = 16\n[weak]\nz = 2\n[map]\nwidth = 2\n[potential]\nwidth = 4\nwidth_max = 8\n"
           "[train]\niterations = 2\nthreads = 1\nbatch = 4\nk_t = 1\n[eval]\nsamples = 4\n";
  }

  testing::ScratchFolder folder;
};

}  // namespace monge
