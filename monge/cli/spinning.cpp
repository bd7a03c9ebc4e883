// Bounds how long the threads of OpenMP spin while they wait, before anything of the program or its libraries runs.
//
// Libgomp's threads spin for 300,000 turns before they sleep, which is milliseconds. On a machine with other work a
// thread then spins away the time in which the thread that it waits for could run: two trainings on two cores took 11
// to 18 times as long as one alone (docs/performance.md, "Beside other work"). Libgomp reads GOMP_SPINCOUNT in its
// constructor, before main, and has no other way to be told. So this starts the program anew with the variable set. As
// a function of .preinit_array it runs before all constructors, whose half second of registering operators is then not
// spent twice; the loader's part, which is, takes 7 ms.
//
// Nothing happens where the user has set GOMP_SPINCOUNT or OMP_WAIT_POLICY, in the program that was started anew, and
// where it cannot be started anew (no /proc).
#include <limits.h>
#include <unistd.h>

#include <cstring>

// The sanitizers' versions of these calls are not ready before their constructors.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

// The measurements that it was chosen by are in docs/performance.md, "Beside other work".
char setting[] = "GOMP_SPINCOUNT=2000";

bool names(const char* entry, const char* variable) {
  const size_t length = std::strlen(variable);
  return std::strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

/// The C library's constructor has not run, so neither has getenv an environment, nor may memory be asked for.
void bound_spinning(int, char** argv, char** environment) {
  size_t count = 0;
  for (; environment[count]; ++count) {
    if (names(environment[count], "GOMP_SPINCOUNT") || names(environment[count], "OMP_WAIT_POLICY")) return;
  }
  // By its path and not as /proc/self/exe, which would become its name in lists of processes.
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  const char* slash = std::strrchr(path, '/');
  if (!slash || std::strncmp(slash, "/ld-", 4) == 0) return;  // started by way of the loader
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
