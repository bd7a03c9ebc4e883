#include "monge/data/staging_folder.h"

#include <cerrno>
#include <cstring>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/files.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

constexpr const char *kLock = ".lock", *kInputs = ".plan", *kSetManifest = "manifest.json";

/// Runs `action`, and converts the standard library's file-system errors to ours.
template <class Action>
auto guarded(const Action& action) {
  try {
    return action();
  } catch (const fs::filesystem_error& error) {
    throw SystemError(text(error.path1().string(), ": ", error.code().message()));
  }
}

}  // namespace

StagingFolder::StagingFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code ignored;
  require(!fs::is_symlink(folder_, ignored), folder_.string(),
          ": is a symbolic link, but packing needs a real folder there; remove it");
  make_writable_folder(folder_);
  const auto lock = folder_ / kLock;
  lock_ = FileLock::take(lock, FileLock::On::file,
                         {.what = "another process is packing there", .where = folder_.string(), .fix = "wait for it"});
  if (!lock_.is_open()) throw SystemError(text(lock.string(), ": cannot be opened: ", std::strerror(errno)));
}

bool StagingFolder::has_inputs(const fs::path& folder, const std::string& inputs) {
  std::error_code ignored;
  return fs::exists(folder / kInputs, ignored) && real_files().read(folder / kInputs) == inputs;
}

void StagingFolder::prepare(const std::string& inputs, const LogSink& log) const {
  if (has_inputs(folder_, inputs)) return;
  std::error_code ignored;
  const bool begun = fs::exists(folder_ / kInputs, ignored);
  // With its manifest a set counts as complete. So this goes first and durably: after a kill or a power cut a set whose
  // shards are gone must not be published.
  if (begun && remove_entry(folder_ / kSetManifest)) sync_folder(folder_);
  guarded([&] {
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const auto name = entry.path().filename().string();
      // The manifest of inputs is replaced last: until then it shows that the other files are ours.
      if (name == kLock || name == kInputs || name == text(kInputs, ".part")) continue;
      require(begun, folder_.string(), ": is needed for packing ", folder_.stem().string(), ", but holds other files (",
              name, "); choose another DST, or remove it");
      remove_entry(entry.path());
    }
  });
  if (begun)
    log(LogLevel::info, text(folder_.string(), ": was begun with other images or options; packing starts again"));
  real_files().replace(folder_ / kInputs, inputs);
}

void StagingFolder::publish(const fs::path& destination) const {
  guarded([&] {
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".record" || entry.path().extension() == ".part") remove_entry(entry.path());
    }
    remove_entry(folder_ / kLock);  // the lock is held by the open file
    std::error_code ignored;
    remove_entry(destination, ignored);  // removes an existing empty folder
  });
  real_files().publish(folder_, destination);
}

}  // namespace monge::data
