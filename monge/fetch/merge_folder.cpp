#include "monge/fetch/merge_folder.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_system.h"
#include "monge/core/unique_fd.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;

bool same_bytes(const fs::path& a, const fs::path& b) {
  if (fs::file_size(a) != fs::file_size(b)) return false;
  std::ifstream in_a(a, std::ios::binary), in_b(b, std::ios::binary);
  std::array<char, 1 << 16> block_a, block_b;
  for (;;) {
    in_a.read(block_a.data(), block_a.size());
    in_b.read(block_b.data(), block_b.size());
    const auto count = in_a.gcount();
    if (in_a.bad() || in_b.bad()) throw SystemError(text(b.string(), ": cannot be read for comparison"));
    if (in_b.gcount() != count || std::memcmp(block_a.data(), block_b.data(), static_cast<size_t>(count)) != 0)
      return false;
    if (count == 0) return in_a.eof() && in_b.eof();
  }
}

const char* kind_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::regular:
      return "file";
    case fs::file_type::directory:
      return "folder";
    case fs::file_type::symlink:
      return "link";
    default:
      return "device";
  }
}

[[noreturn]] void clash(const fs::path& to, const std::string& what) {
  throw InputError({.what = what + ", and it is not overwritten",
                    .where = to.string(),
                    .fix = "move it away, or choose another folder, and run the command again"});
}

/// Checks that `from` may be moved or merged to `to`. @return false if nothing is at `to`.
bool check_target(const fs::path& from, const fs::path& to) {
  const auto type = fs::symlink_status(from).type(), there = fs::symlink_status(to).type();
  if (there == fs::file_type::not_found) return false;
  if (there != type)
    clash(to, text("a ", kind_of(there), " already exists where a ", kind_of(type), " must be placed"));
  if (type == fs::file_type::directory) {
    for (const auto& entry : fs::directory_iterator(from)) check_target(entry.path(), to / entry.path().filename());
  } else if (!same_bytes(from, to)) {
    clash(to, "a file with different contents already exists");
  }
  return true;
}

void move(const fs::path& from, const fs::path& to) {
  if (file_system().rename(from, to, RENAME_NOREPLACE) == 0) return;
  // Some file systems lack RENAME_NOREPLACE. All entries were checked, and the folder is locked against other
  // processes.
  if (errno == EINVAL && file_system().rename(from, to) == 0) return;
  throw_system_error("cannot be moved there", to);
}

void merge_entry(const fs::path& from, const fs::path& to) {
  const auto there = fs::symlink_status(to).type();
  if (there == fs::file_type::not_found) return move(from, to);
  if (there == fs::file_type::directory) {
    for (const auto& entry : fs::directory_iterator(from)) merge_entry(entry.path(), to / entry.path().filename());
  }
  remove_entry(from);
}

/// Converts the standard library's exceptions to ours.
template <class Action>
void guarded(Action&& action) {
  try {
    action();
  } catch (const fs::filesystem_error& error) {
    throw SystemError(text(error.path1().string(), ": cannot be moved into place: ", error.code().message()));
  }
}

}  // namespace

void check_place(const fs::path& from, const fs::path& to) {
  guarded([&] { check_target(from, to); });
}

void place_file(const fs::path& from, const fs::path& to) {
  guarded([&] { check_target(from, to) ? static_cast<void>(remove_entry(from)) : move(from, to); });
}

void merge_folder(const fs::path& from, const fs::path& to) {
  guarded([&] {
    for (const auto& entry : fs::directory_iterator(from)) check_target(entry.path(), to / entry.path().filename());
    for (const auto& entry : fs::directory_iterator(from)) merge_entry(entry.path(), to / entry.path().filename());
    remove_entry(from);
  });
}

void sync_file_system(const fs::path& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || file_system().sync_all(fd.get()) != 0) throw_system_error("cannot flush to the disk", folder);
}

}  // namespace monge::fetch
