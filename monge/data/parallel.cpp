#include "monge/data/parallel.h"

#include <ATen/Parallel.h>
#include <omp.h>

namespace monge::data {
namespace {

thread_local bool alone = false;

}  // namespace

void keep_to_this_thread() {
  alone = true;
  at::get_num_threads();   // LibTorch sets a thread's number at its first use, and would undo the next line
  omp_set_num_threads(1);  // of this thread alone; at::set_num_threads would set it for all threads to come
}

bool keeps_to_this_thread() { return alone; }

}  // namespace monge::data
