#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

// One thread a test: ctest runs as many tests as there are cores, and threads that wait for each other's cores are
// slow.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  at::set_num_threads(1);
  return RUN_ALL_TESTS();
}
