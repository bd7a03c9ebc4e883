// The file system behind a seam, so that tests can fill the disk, cut a write short or flip a bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace monge {

/// Reads and publishes whole files. Thread-safe. Virtual for tests; use `real_files()` elsewhere.
class Files {
 public:
  virtual ~Files() = default;

  /// The whole file. @throws InputError naming the path when it is missing, a folder, or unreadable; SystemError when
  /// the system fails while it is read: half a file is never taken for a whole one.
  /// @param most  bytes; a larger file is refused before memory is taken for it.
  virtual std::string read(const std::filesystem::path& path, int64_t most = std::numeric_limits<int64_t>::max()) const;

  /// Writes the parts one after another to `path` (replaced when there) and waits until they are on the disk.
  /// @throws SystemError with the system's reason; a partial file may remain.
  virtual void write(const std::filesystem::path& path, std::span<const std::string_view> parts) const;

  /// Renames `from`, a file or a folder of written files, to `to` and makes the new name durable: after a crash `to` is
  /// the old or the new, never a part.
  virtual void publish(const std::filesystem::path& from, const std::filesystem::path& to) const;

  /// Lets two folders of one parent change places in one durable step. @return false, with nothing done, where the file
  /// system cannot.
  virtual bool exchange(const std::filesystem::path& a, const std::filesystem::path& b) const;

  /// A whole file in one durable step: written beside its place, then published.
  void replace(const std::filesystem::path& path, std::string_view bytes) const;

  /// Appends a piece and flushes it to the system (not to the disk).
  virtual void append(const std::filesystem::path& path, std::string_view bytes) const;
};

/// The real file system.
const Files& real_files();

/// A file that is made piece by piece and is there whole or not at all: the pieces go to `path`.part.
class PartFile {
 public:
  /// @throws SystemError when the part cannot be made.
  explicit PartFile(std::filesystem::path path, const Files& files = real_files());
  /// Removes the part unless it was published.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// @throws SystemError with the system's reason.
  void append(std::string_view bytes);

  /// Waits for the disk and gives the file its name, in the place of what was there.
  void publish();

 private:
  struct Open;
  std::filesystem::path path_, part_;
  const Files& files_;
  std::unique_ptr<Open> open_;
};

/// 64-bit content hash (XXH3); detects damage, not malice.
uint64_t content_number(std::string_view bytes);

/// The same as 16 hexadecimal digits.
std::string content_hash(std::string_view bytes);

/// The content hash of bytes that come in pieces.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;
  void add(std::string_view bytes);
  /// 16 hexadecimal digits of all so far.
  std::string digits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Creates `folder` with its parents. @throws InputError with the reason when it cannot be made or written to.
void make_writable_folder(const std::filesystem::path& folder);

}  // namespace monge
