#include "monge/fetch/folder_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_system.h"
#include "monge/core/nearest.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

[[noreturn]] void fail(const char* what, const std::string& shown) { throw_system_error(what, shown); }

[[noreturn]] void clash(const std::string& name, const char* wants, const char* there) {
  throw InputError({.what = text("cannot create the ", wants, ": a ", there, " has this name"),
                    .where = name,
                    .fix = "two entries cannot have the same name; unpack the archive by hand and choose one"});
}

}  // namespace

void NewFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = file_system().write(fd_.get(), bytes);
    if (written < 0) fail("cannot write", shown_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

FolderWriter::FolderWriter(const fs::path& folder) : root_(::open(folder.c_str(), kFolder)) {
  if (!root_) fail("cannot open the folder", folder.string());
}

/// Opens the folder `name` in `parent`, and makes it if it does not exist.
UniqueFd FolderWriter::enter(int parent, const std::string& name, const std::vector<std::string>& parts) const {
  if (file_system().make_folder(parent, name, 0777) != 0 && errno != EEXIST)
    fail("cannot create the folder", join(parts, "/"));
  UniqueFd fd(::openat(parent, name.c_str(), kFolder));
  if (!fd && (errno == ENOTDIR || errno == ELOOP)) clash(join(parts, "/"), "folder", "file");
  if (!fd) fail("cannot open the folder", join(parts, "/"));
  return fd;
}

int FolderWriter::parent_of(const std::vector<std::string>& parts) {
  const std::vector<std::string> wanted(parts.begin(), parts.end() - 1);
  if (wanted.empty()) return root_.get();
  if (parent_ && wanted == parent_is_) return parent_.get();
  parent_.reset();
  UniqueFd at;
  for (const auto& name : wanted) at = enter(at ? at.get() : root_.get(), name, parts);
  parent_ = std::move(at);
  parent_is_ = wanted;
  return parent_.get();
}

NewFile FolderWriter::make_file(const std::vector<std::string>& parts) {
  const int parent = parent_of(parts);
  const auto shown = join(parts, "/");
  UniqueFd fd(file_system().open(parent, parts.back(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!fd && errno != EEXIST) fail("cannot create the file", shown);
  if (!fd) {
    struct stat facts {};
    if (::fstatat(parent, parts.back().c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) fail("cannot inspect", shown);
    if (!S_ISREG(facts.st_mode)) clash(shown, "file", "folder");
  }
  return NewFile(std::move(fd), shown);
}

void FolderWriter::make_folder(const std::vector<std::string>& parts) { enter(parent_of(parts), parts.back(), parts); }

UniqueFd FolderWriter::open_file(const std::vector<std::string>& parts) {
  UniqueFd fd(::openat(parent_of(parts), parts.back().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) fail("cannot open", join(parts, "/"));
  return fd;
}

UniqueFd FolderWriter::find_file(const std::vector<std::string>& parts) const {
  UniqueFd at;
  for (const auto& name : parts) {
    const bool last = &name == &parts.back();
    const int folder = at ? at.get() : root_.get();
    at.reset(::openat(folder, name.c_str(), last ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC : kFolder));
    if (!at) return {};
  }
  struct stat facts {};
  if (::fstat(at.get(), &facts) == 0 && S_ISREG(facts.st_mode)) return at;
  return {};
}

int64_t FolderWriter::free_bytes() const {
  struct statvfs facts {};
  if (file_system().free_space(root_.get(), facts) != 0 || facts.f_blocks == 0) return -1;
  return static_cast<int64_t>(facts.f_bavail) * static_cast<int64_t>(facts.f_frsize);
}

}  // namespace monge::fetch
