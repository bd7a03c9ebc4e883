// Bounds how long the threads of OpenMP spin while they wait, before anything of the program or its libraries runs.
//
// Libgomp's threads spin for 300,000 turns, which are milliseconds, before they sleep. On a machine with other work a
// thread then spends the time in which the thread that it waits for could run: two trainings on two cores took 11 to 18
// times as long as one alone (docs/performance.md, "Beside other work"). Libgomp can only be configured by
// GOMP_SPINCOUNT, which it reads in its constructor, before main. So this starts the program anew with the variable
// set. It is a function of .preinit_array and runs before all constructors; so their half second of registering
// operators is not spent twice. The loader runs twice, which takes 7 ms.
//
// Nothing happens if the user has set GOMP_SPINCOUNT or OMP_WAIT_POLICY, in the program that was started anew, or if it
// cannot be started anew (no /proc).
#include <limits.h>
#include <unistd.h>

#include <cstring>

// The sanitizers' versions of these calls are not ready before their constructors.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

// The value was chosen by the measurements in docs/performance.md, "Beside other work".
char setting[] = "GOMP_SPINCOUNT=2000";

bool names(const char* entry, const char* variable) {
  const size_t length = std::strlen(variable);
  return std::strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

/// The constructor of the C library has not run yet, so getenv has no environment and no memory may be allocated.
void bound_spinning(int, char** argv, char** environment) {
  size_t count = 0;
  for (; environment[count]; ++count) {
    if (names(environment[count], "GOMP_SPINCOUNT") || names(environment[count], "OMP_WAIT_POLICY")) return;
  }
  // By its path, because /proc/self/exe would become its name in lists of processes.
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  const char* slash = std::strrchr(path, '/');
  if (!slash || std::strncmp(slash, "/ld-", 4) == 0) return;  // started through the loader
  constexpr size_t kMost = 8192;
  static char* changed[kMost];
  if (count + 2 > kMost) return;
  std::memcpy(changed, environment, count * sizeof(char*));
  changed[count] = setting;
  execve(path, argv, changed);
}

[[gnu::section(".preinit_array"), gnu::used]] void (*const hook)(int, char**, char**) = bound_spinning;

}  // namespace

#endif
