#include "monge/data/piece_writer.h"

#include <optional>
#include <utility>

namespace monge::data {

PieceWriter::~PieceWriter() {
  if (last_.valid()) last_.wait();
}

ShardPiece& PieceWriter::next_piece() {
  current_ = &slots_[taken_++ % slots_.size()];
  if (current_->written.valid()) current_->written.get();
  return current_->piece;
}

void PieceWriter::write(std::shared_ptr<ShardFile> shard, const std::filesystem::path* record_path) {
  const auto end_at = record_path ? std::optional(*record_path) : std::nullopt;
  auto work = [&piece = current_->piece, shard = std::move(shard), end_at, before = last_]() mutable {
    // Both captures are released here. Otherwise each future would keep all before it until the end.
    if (const auto earlier = std::exchange(before, {}); earlier.valid()) earlier.get();
    const auto file = std::exchange(shard, nullptr);
    file->add(piece);
    if (end_at) file->finish(*end_at);
  };
  last_ = current_->written = std::async(std::launch::async, std::move(work)).share();
}

void PieceWriter::finish() {
  if (last_.valid()) last_.get();
}

}  // namespace monge::data
