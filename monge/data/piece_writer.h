// Writes the pieces of shards in a thread of its own while the caller fills others. Not for other callers than Packer.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <future>
#include <memory>

#include "monge/data/shard_file.h"

namespace monge::data {

/// A ring of pieces. The caller takes one, fills it and hands it over; pieces are written in the order in which they
/// were handed over. One caller.
class PieceWriter {
 public:
  PieceWriter() = default;
  PieceWriter(const PieceWriter&) = delete;
  PieceWriter& operator=(const PieceWriter&) = delete;
  /// Waits for the writing, which uses the pieces.
  ~PieceWriter();

  /// The next piece to fill, once its former content is written. It may hold that content still.
  /// @throws what writing that content threw.
  ShardPiece& next_piece();

  /// Adds the latest next_piece() to `shard` after all pieces before it.
  /// @param record_path  for the last piece of a shard: where ShardFile::finish puts the record; else null.
  void write(std::shared_ptr<ShardFile> shard, const std::filesystem::path* record_path);

  /// Waits until all is written. @throws what writing threw.
  void finish();

 private:
  struct Slot {
    ShardPiece piece;
    std::shared_future<void> written;
  };
  // Some more than two, as a disk that syncs takes its time.
  std::array<Slot, 6> slots_;
  size_t taken_ = 0;
  Slot* current_ = nullptr;
  std::shared_future<void> last_;
};

}  // namespace monge::data
