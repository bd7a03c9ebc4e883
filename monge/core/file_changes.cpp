#include "monge/core/file_changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/file_system.h"
#include "monge/core/unique_fd.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

std::error_code reason_of(int result) {
  return result < 0 ? std::error_code(errno, std::generic_category()) : std::error_code();
}

bool is_absent(const std::error_code& failure) {
  return failure == std::errc::no_such_file_or_directory || failure == std::errc::not_a_directory;
}

/// Removes what is in an open folder.
void empty_folder(int folder, std::error_code& failure);

/// Removes one name of an open folder, with what is in it.
void remove_named(int parent, const fs::path& name, std::error_code& failure) {
  auto reason = reason_of(file_system().remove(parent, name));
  // A folder: Linux gives EISDIR, and POSIX EPERM.
  if (reason == std::errc::is_a_directory || reason == std::errc::operation_not_permitted) {
    const UniqueFd folder(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (folder) {
      std::error_code inside;
      empty_folder(folder.get(), inside);
      reason = reason_of(file_system().remove_folder(parent, name));
      if (reason && inside) reason = inside;
    } else if (errno != ENOTDIR) {
      reason = reason_of(-1);
    }
  }
  if (reason && !is_absent(reason) && !failure) failure = reason;
}

void empty_folder(int folder, std::error_code& failure) {
  // The names are read first: what is listed while names are removed depends on the file system.
  std::vector<fs::path> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::fdopendir(::dup(folder)), ::closedir);
  if (!list) failure = reason_of(-1);
  while (list) {
    const dirent* const entry = ::readdir(list.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  for (const auto& name : names) remove_named(folder, name, failure);
}

/// Opens what is there, to synchronise it.
UniqueFd opened(const fs::path& path, int flags) { return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC)); }

/// @return 0, or the reason of the failure.
int sync_open(const UniqueFd& file) {
  if (!file) return errno;
  // Some special files (pipes, /dev/null) cannot be synchronised; they need not be.
  if (file_system().sync(file.get()) == 0 || errno == EINVAL) return 0;
  return errno;
}

fs::path or_here(const fs::path& folder) { return folder.empty() ? fs::path(".") : folder; }

/// Synchronises a folder. One that may be written to but not read cannot be synchronised; that is no reason to refuse
/// what was changed in it.
/// @return 0, or the reason of the failure.
int sync_names(const fs::path& folder) {
  const auto open = opened(or_here(folder), O_RDONLY | O_DIRECTORY);
  return !open && errno == EACCES ? 0 : sync_open(open);
}

}  // namespace

void throw_system_error(std::string_view what, const fs::path& where, int reason) {
  const char* fix = "";
  if (reason == ENOSPC) fix = "free some space on that disk and run the command again";
  if (reason == EDQUOT)
    fix = "your quota on that disk is used up: remove files or ask for more, and run the command again";
  if (reason == EROFS) fix = "the disk can only be read: mount it for writing, or choose another place";
  throw SystemError({.what = text(what, ": ", std::strerror(reason)), .where = where.string(), .fix = fix});
}

bool remove_entry(const fs::path& path, std::error_code& failure) {
  failure = reason_of(file_system().remove(AT_FDCWD, path));
  if (failure == std::errc::is_a_directory || failure == std::errc::operation_not_permitted) {
    // No folder: EPERM is then the reason, and something is there (an immutable file, one of another user).
    const auto as_folder = reason_of(file_system().remove_folder(AT_FDCWD, path));
    if (as_folder == std::errc::not_a_directory) return false;
    failure = as_folder;
  }
  if (!is_absent(failure)) return !failure;
  failure.clear();
  return false;
}

bool remove_entry(const fs::path& path) {
  std::error_code failure;
  const bool removed = remove_entry(path, failure);
  if (failure) throw_system_error("cannot be removed", path, failure.value());
  return removed;
}

void remove_tree(const fs::path& path, std::error_code& failure) {
  failure.clear();
  remove_named(AT_FDCWD, path, failure);
}

void remove_tree(const fs::path& path) {
  std::error_code failure;
  remove_tree(path, failure);
  if (failure) throw_system_error("cannot be removed", path, failure.value());
}

void rename_entry(const fs::path& from, const fs::path& to, std::error_code& failure) {
  failure = reason_of(file_system().rename(from, to));
}

void rename_entry(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  rename_entry(from, to, failure);
  if (failure) throw_system_error(text("cannot be renamed from ", from.string()), to, failure.value());
}

bool make_folder(const fs::path& path, std::error_code& failure) {
  failure = reason_of(file_system().make_folder(AT_FDCWD, path, 0777));
  if (!failure) return true;
  std::error_code unknown;
  if (failure == std::errc::file_exists && fs::is_directory(path, unknown)) failure.clear();
  return false;
}

void make_folders(const fs::path& path, std::error_code& failure) {
  failure.clear();
  if (path.empty()) return;
  const auto there = fs::status(path, failure);
  if (fs::exists(there)) {
    failure = fs::is_directory(there) ? std::error_code() : std::make_error_code(std::errc::not_a_directory);
    return;
  }
  if (there.type() != fs::file_type::not_found) return;  // with the reason
  failure.clear();
  const auto name = path.has_filename() ? path : path.parent_path();  // "a/b/" is "a/b"
  const auto parent = name.parent_path();
  if (parent != name) make_folders(parent, failure);
  if (failure || !make_folder(name, failure)) return;
  if (const int reason = sync_names(parent)) failure.assign(reason, std::generic_category());
}

void make_folders(const fs::path& path) {
  std::error_code failure;
  make_folders(path, failure);
  if (failure) throw_system_error("cannot create the folder", path, failure.value());
}

void make_link(const fs::path& target, const fs::path& path, std::error_code& failure) {
  failure = reason_of(file_system().make_link(target, path));
}

void resize_file(const fs::path& path, int64_t bytes, std::error_code& failure) {
  const UniqueFd file(file_system().open(AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0));
  failure = reason_of(file ? file_system().resize(file.get(), bytes) : -1);
}

void sync_file(const fs::path& path) {
  if (const int reason = sync_open(opened(path, O_RDONLY)))
    throw_system_error("cannot flush to the disk", path, reason);
}

void sync_folder(const fs::path& folder) {
  if (const int reason = sync_names(folder)) throw_system_error("cannot flush to the disk", or_here(folder), reason);
}

}  // namespace monge
