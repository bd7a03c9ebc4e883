#include "monge/data/parallel.h"

#include <ATen/Parallel.h>
#include <omp.h>

namespace monge::data {
namespace {

thread_local bool alone = false;

}  // namespace

void set_single_threaded() {
  alone = true;
  at::get_num_threads();   // LibTorch sets the number at a thread's first use, which would undo the next line
  omp_set_num_threads(1);  // for this thread only; at::set_num_threads would set it for all later threads
}

bool is_single_threaded() { return alone; }

}  // namespace monge::data
