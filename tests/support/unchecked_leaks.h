// Leaks of other libraries that tests provoke, and that tests/support/leaks.supp cannot name.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace monge::testing {

/// While it lives, the leak sanitizer leaves out what this thread allocates.
struct UncheckedLeaks {
#if defined(__SANITIZE_ADDRESS__)
  UncheckedLeaks() { __lsan_disable(); }
  ~UncheckedLeaks() { __lsan_enable(); }
#else
  UncheckedLeaks() {}
#endif
  UncheckedLeaks(const UncheckedLeaks&) = delete;
  UncheckedLeaks& operator=(const UncheckedLeaks&) = delete;
};

}  // namespace monge::testing
