#include "monge/core/part_guard.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <string>

#include "monge/core/file_name.h"

namespace monge {
namespace {

/// A path that a handler of signals can read while a thread changes it. Handlers may neither lock nor allocate, so the
/// version tells them whether what they read is one path and not parts of two.
struct Slot {
  std::atomic<bool> taken{false};
  std::atomic<unsigned> version{0};                        ///< odd while the path changes
  std::array<std::atomic<char>, kLongestPath + 1> path{};  ///< empty while there is no file
};

std::array<Slot, 16> slots;

void set_path(Slot& slot, const std::string& path) {
  slot.version.fetch_add(1);
  for (size_t i = 0; i < path.size(); ++i) slot.path[i].store(path[i]);
  slot.path[path.size()].store('\0');
  slot.version.fetch_add(1);
}

}  // namespace

PartGuard::PartGuard(const std::filesystem::path& part) {
  const auto& path = part.native();
  if (path.size() > kLongestPath) return;
  for (size_t i = 0; i < slots.size() && slot_ < 0; ++i) {
    if (!slots[i].taken.exchange(true)) slot_ = static_cast<int>(i);
  }
  if (slot_ >= 0) set_path(slots[static_cast<size_t>(slot_)], path);
}

PartGuard::~PartGuard() {
  if (slot_ < 0) return;
  auto& slot = slots[static_cast<size_t>(slot_)];
  set_path(slot, {});
  slot.taken.store(false);
}

void remove_guarded_parts() noexcept {
  for (auto& slot : slots) {
    char path[kLongestPath + 1];
    const unsigned before = slot.version.load();
    size_t length = 0;
    while (length < kLongestPath && (path[length] = slot.path[length].load()) != '\0') ++length;
    path[length] = '\0';
    if (length > 0 && before % 2 == 0 && slot.version.load() == before) ::unlink(path);
  }
}

}  // namespace monge
