// The file system behind an interface, so that tests can fill the disk, cut a write short or flip a bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace monge {

/// Reads and publishes whole files. Thread-safe. The functions are virtual for tests; other callers use `real_files()`.
class Files {
 public:
  virtual ~Files() = default;

  /// Reads the whole file.
  /// @param most  bytes. A larger file is refused before memory is allocated for it.
  /// @throws InputError naming the path when it is missing, a folder, or unreadable; SystemError when the system fails
  ///     during the read, so that half a file never passes for a whole one.
  virtual std::string read(const std::filesystem::path& path, int64_t most = std::numeric_limits<int64_t>::max()) const;

  /// Writes the parts one after another to `path`, replaces an existing file, and waits until the bytes are on the
  /// disk.
  /// @throws SystemError with the system's reason; a partial file may remain.
  virtual void write(const std::filesystem::path& path, std::span<const std::string_view> parts) const;

  /// Renames `from`, a file or a folder of written files, to `to` and makes the new name durable. After a crash `to` is
  /// the old content or the new one, never a part of it.
  virtual void publish(const std::filesystem::path& from, const std::filesystem::path& to) const;

  /// Exchanges two folders of one parent in one durable step.
  /// @return false, with nothing done, if the file system cannot exchange them.
  virtual bool exchange(const std::filesystem::path& a, const std::filesystem::path& b) const;

  /// Writes a whole file in one durable step: under a temporary name beside `path`, then published.
  void replace(const std::filesystem::path& path, std::string_view bytes) const;

  /// Appends a piece and flushes it to the system (not to the disk).
  virtual void append(const std::filesystem::path& path, std::string_view bytes) const;
};

/// The real file system.
const Files& real_files();

/// Writes a file piece by piece. The pieces go to `path`.part, so `path` appears whole or not at all.
class PartFile {
 public:
  /// @throws SystemError when the temporary file cannot be created.
  explicit PartFile(std::filesystem::path path, const Files& files = real_files());
  /// Removes the temporary file unless it was published.
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// @throws SystemError with the system's reason.
  void append(std::string_view bytes);

  /// Waits until the bytes are on the disk, then renames the temporary file to `path`. Replaces an existing file.
  void publish();

 private:
  struct Open;
  std::filesystem::path path_, part_;
  const Files& files_;
  std::unique_ptr<Open> open_;
};

/// 64-bit content hash (XXH3). It detects damage, not malice.
uint64_t content_hash64(std::string_view bytes);

/// The same as 16 hexadecimal digits.
std::string content_hash(std::string_view bytes);

/// Computes the content hash of bytes that arrive in pieces.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;
  void add(std::string_view bytes);
  /// The hash of all bytes added so far, as 16 hexadecimal digits.
  std::string digits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Creates `folder` and its parents. @throws InputError with the reason when it cannot be created or written to.
void make_writable_folder(const std::filesystem::path& folder);

}  // namespace monge
