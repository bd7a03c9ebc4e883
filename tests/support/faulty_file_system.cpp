#include "tests/support/faulty_file_system.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <optional>

namespace monge::testing {
namespace {

namespace fs = std::filesystem;

std::string link_to(int file) { return "/proc/self/fd/" + std::to_string(file); }

std::string content_of(int file) {
  std::ifstream in(link_to(file), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<struct stat> facts_of(int folder, const std::string& name) {
  struct stat facts {};
  if (::fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) return {};
  return facts;
}

}  // namespace

FaultyFileSystem::Place FaultyFileSystem::place_of(int folder, const fs::path& path) {
  const auto parent = path.parent_path().empty() ? fs::path(".") : path.parent_path();
  auto held = std::make_shared<UniqueFd>(::openat(folder, parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat facts {};
  if (*held) ::fstat(held->get(), &facts);
  return {held, path.filename().string(), {facts.st_dev, facts.st_ino}};
}

bool FaultyFileSystem::refuses(const std::string& what) {
  ++count_;
  if (at_ == 0 || count_ < at_ || (count_ > at_ && !and_all_after_)) return false;
  if (count_ == at_) refused_ = what;
  errno = reason_;
  return true;
}

int FaultyFileSystem::open(int folder, const fs::path& path, int flags, mode_t mode) {
  const std::lock_guard lock(guard_);
  if (refuses("open " + path.string())) return -1;
  if ((flags & O_TMPFILE) == O_TMPFILE) return FileSystem::open(folder, path, flags, mode);
  const auto place = place_of(folder, path);
  const bool existed = facts_of(place.folder->get(), place.name).has_value();
  const int file = FileSystem::open(folder, path, flags & ~O_TRUNC, mode);
  if (file < 0) return file;
  struct stat facts {};
  ::fstat(file, &facts);
  auto& known = files_[{facts.st_dev, facts.st_ino}];
  if (!known.held) {
    known.held.reset(::open(link_to(file).c_str(), O_PATH | O_CLOEXEC));
    if (existed) known.on_disk = content_of(file);
  }
  if (!existed) {
    changes_.push_back({place.identity, [place] { ::unlinkat(place.folder->get(), place.name.c_str(), 0); }});
  } else if (flags & O_TRUNC) {
    FileSystem::resize(file, 0);
    known.changed = true;
  }
  return file;
}

ssize_t FaultyFileSystem::write(int file, std::string_view bytes) {
  const std::lock_guard lock(guard_);
  struct stat facts {};
  ::fstat(file, &facts);
  const auto known = files_.find({facts.st_dev, facts.st_ino});
  if (known != files_.end()) known->second.changed = true;
  const bool refused = refuses("write");
  if (refused && halves_ && count_ == at_) FileSystem::write(file, bytes.substr(0, bytes.size() / 2)), errno = reason_;
  return refused ? -1 : FileSystem::write(file, bytes);
}

int FaultyFileSystem::resize(int file, int64_t bytes) {
  const std::lock_guard lock(guard_);
  if (refuses("resize")) return -1;
  struct stat facts {};
  ::fstat(file, &facts);
  const auto known = files_.find({facts.st_dev, facts.st_ino});
  if (known != files_.end()) known->second.changed = true;
  return FileSystem::resize(file, bytes);
}

int FaultyFileSystem::sync(int file) {
  const std::lock_guard lock(guard_);
  std::error_code unknown;
  if (refuses("sync " + fs::read_symlink(link_to(file), unknown).string())) return -1;
  struct stat facts {};
  ::fstat(file, &facts);
  const Identity identity{facts.st_dev, facts.st_ino};
  if (S_ISDIR(facts.st_mode)) std::erase_if(changes_, [&](const Change& change) { return change.folder == identity; });
  const auto known = files_.find(identity);
  if (known != files_.end()) known->second.on_disk = content_of(file), known->second.changed = false;
  return 0;
}

int FaultyFileSystem::sync_all(int) {
  const std::lock_guard lock(guard_);
  if (refuses("sync all")) return -1;
  changes_.clear();
  for (auto& [identity, file] : files_) file.on_disk = content_of(file.held.get()), file.changed = false;
  return 0;
}

int FaultyFileSystem::rename(const fs::path& from, const fs::path& to, unsigned flags) {
  const std::lock_guard lock(guard_);
  if (refuses("rename " + from.string() + " " + to.string())) return -1;
  if (lacks_exchange_ && flags == RENAME_EXCHANGE) return errno = EINVAL, -1;
  const auto source = place_of(AT_FDCWD, from), target = place_of(AT_FDCWD, to);
  if (flags == RENAME_EXCHANGE) {
    const auto swap = [source, target] {
      return ::renameat2(source.folder->get(), source.name.c_str(), target.folder->get(), target.name.c_str(),
                         RENAME_EXCHANGE);
    };
    const int result = swap();
    if (result == 0) changes_.push_back({target.identity, [swap] { swap(); }});
    return result;
  }
  const auto there = facts_of(target.folder->get(), target.name);
  const auto kept = next_in_trash();
  if (there && !S_ISDIR(there->st_mode) && flags == 0)
    ::linkat(target.folder->get(), target.name.c_str(), AT_FDCWD, kept.c_str(), 0);
  const int result = FileSystem::rename(from, to, flags);
  if (result != 0) return result;
  changes_.push_back({target.identity, [source, target, there, kept] {
                        ::renameat(target.folder->get(), target.name.c_str(), source.folder->get(),
                                   source.name.c_str());
                        if (!there) return;
                        if (S_ISDIR(there->st_mode)) ::mkdirat(target.folder->get(), target.name.c_str(), 0777);
                        ::renameat(AT_FDCWD, kept.c_str(), target.folder->get(), target.name.c_str());
                      }});
  return 0;
}

int FaultyFileSystem::make_link(const fs::path& target, const fs::path& path) {
  const std::lock_guard lock(guard_);
  if (refuses("link " + path.string())) return -1;
  const int result = FileSystem::make_link(target, path);
  const auto place = place_of(AT_FDCWD, path);
  if (result == 0)
    changes_.push_back({place.identity, [place] { ::unlinkat(place.folder->get(), place.name.c_str(), 0); }});
  return result;
}

int FaultyFileSystem::make_folder(int folder, const fs::path& path, mode_t mode) {
  const std::lock_guard lock(guard_);
  if (refuses("make folder " + path.string())) return -1;
  const int result = FileSystem::make_folder(folder, path, mode);
  const auto place = place_of(folder, path);
  if (result == 0) {
    changes_.push_back({place.identity, [place, kept = next_in_trash()] {
                          ::renameat(place.folder->get(), place.name.c_str(), AT_FDCWD, kept.c_str());
                        }});
  }
  return result;
}

int FaultyFileSystem::remove(int folder, const fs::path& path) {
  const std::lock_guard lock(guard_);
  if (refuses("remove " + path.string())) return -1;
  const auto place = place_of(folder, path);
  const auto there = facts_of(place.folder->get(), place.name);
  if (!there || S_ISDIR(there->st_mode)) return FileSystem::remove(folder, path);  // which fails as it does
  return move_to_trash(place);
}

int FaultyFileSystem::remove_folder(int folder, const fs::path& path) {
  const std::lock_guard lock(guard_);
  if (refuses("remove folder " + path.string())) return -1;
  const auto place = place_of(folder, path);
  const auto there = facts_of(place.folder->get(), place.name);
  // Moved and not removed, so that what is taken back in the folder finds it.
  std::error_code unread;
  const auto own = link_to(place.folder->get()) + "/" + place.name;
  if (!there || !S_ISDIR(there->st_mode) || !fs::is_empty(own, unread)) return FileSystem::remove_folder(folder, path);
  return move_to_trash(place);
}

int FaultyFileSystem::move_to_trash(const Place& place) {
  const auto kept = next_in_trash();
  const int result = ::renameat(place.folder->get(), place.name.c_str(), AT_FDCWD, kept.c_str());
  if (result == 0) {
    changes_.push_back({place.identity, [place, kept] {
                          ::renameat2(AT_FDCWD, kept.c_str(), place.folder->get(), place.name.c_str(),
                                      RENAME_NOREPLACE);
                        }});
  }
  return result;
}

void FaultyFileSystem::lose(Loss loss) {
  for (auto& [identity, file] : files_) {
    if (file.changed) std::ofstream(link_to(file.held.get()), std::ios::binary | std::ios::trunc) << file.on_disk;
  }
  if (loss == Loss::content_and_names) {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) change->undo();
  }
  changes_.clear();
}

}  // namespace monge::testing
