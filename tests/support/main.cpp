#include <gtest/gtest.h>
#include <ATen/Parallel.h>
#include <torch/types.h>

// Two threads for every test, whatever the machine: sums over threads are part of the tolerances.
int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  at::set_num_threads(2);
  return RUN_ALL_TESTS();
}
