// A file system that refuses an operation, or stops at one as at a kill or a power cut.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/file_system.h"
#include "monge/core/unique_fd.h"

namespace monge::testing {

/// Counts the operations that change files and does them, up to one of them.
///
/// A stop refuses this operation and all after it, so that nothing changes on the disk any more, whatever the code
/// under test still tries. A write at which it stops leaves half its bytes. lose() then takes back what a power cut may
/// take: the content of files that was not synchronised, and perhaps the names in folders that were not. What the code
/// reads after the stop does not matter.
class FaultyFileSystem : public FileSystem {
 public:
  /// @param trash  a folder on the same file system, for what may have to come back.
  explicit FaultyFileSystem(std::filesystem::path trash) : trash_(std::move(trash)) {}

  /// Refuses operation `number` (from 1) with `reason`.
  void refuse(int64_t number, int reason) { at_ = number, reason_ = reason, and_all_after_ = false; }
  /// Refuses it and all after it.
  void refuse_from(int64_t number, int reason) { at_ = number, reason_ = reason, and_all_after_ = true; }
  /// As when the process or the machine ends there.
  void stop_at(int64_t number) { refuse_from(number, EIO), halves_ = true; }
  /// The file system has no RENAME_EXCHANGE.
  void lack_exchange() { lacks_exchange_ = true; }

  int64_t operations() const { return count_; }
  /// What the refused operation was, for messages: "rename a b".
  const std::string& refused() const { return refused_; }
  /// Whether it removes something.
  bool refused_a_removal() const { return refused_.starts_with("remove"); }

  enum class Loss { content, content_and_names };
  void lose(Loss loss);

  int open(int folder, const std::filesystem::path& path, int flags, mode_t mode) override;
  ssize_t write(int file, std::string_view bytes) override;
  int resize(int file, int64_t bytes) override;
  int sync(int file) override;
  int sync_all(int file) override;
  int rename(const std::filesystem::path& from, const std::filesystem::path& to, unsigned flags) override;
  int make_link(const std::filesystem::path& target, const std::filesystem::path& path) override;
  int make_folder(int folder, const std::filesystem::path& path, mode_t mode) override;
  int remove(int folder, const std::filesystem::path& path) override;
  int remove_folder(int folder, const std::filesystem::path& path) override;

 private:
  using Identity = std::pair<dev_t, ino_t>;
  struct File {
    UniqueFd held;        ///< keeps the number of the inode from being used again
    std::string on_disk;  ///< the content that was synchronised last
    bool changed = false;
  };
  /// A name in an open folder, which stays the same when the folder is renamed.
  struct Place {
    std::shared_ptr<UniqueFd> folder;
    std::string name;
    Identity identity;
  };
  struct Change {
    Identity folder;  ///< whose synchronising makes the change durable
    std::function<void()> undo;
  };

  bool refuses(const std::string& what);
  static Place place_of(int folder, const std::filesystem::path& path);
  int move_to_trash(const Place& place);
  std::string next_in_trash() { return (trash_ / std::to_string(++discarded_)).string(); }

  const std::filesystem::path trash_;
  std::mutex guard_;
  int64_t count_ = 0, at_ = 0, discarded_ = 0;
  int reason_ = 0;
  bool and_all_after_ = false, halves_ = false, lacks_exchange_ = false;
  std::string refused_;
  std::map<Identity, File> files_;
  std::vector<Change> changes_;
};

}  // namespace monge::testing
