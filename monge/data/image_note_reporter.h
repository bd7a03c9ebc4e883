// Counts and reports notes on images. Not for other callers than ImageSource.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/io/image_notes.h"
#include "monge/io/sample_range.h"

namespace monge::data {

/// Sums the notes on the images of a set, and logs each kind of note once. Thread-safe.
class ImageNoteReporter {
 public:
  /// @param range  the range that 16-bit samples are scaled from.
  /// @param log  null: nothing is reported.
  ImageNoteReporter(std::string name, const io::SampleRange& range, LogSink log);

  /// @param found  one entry per image.
  /// @param whole  whether they are the notes on the whole set. Later notes repeat these and are not counted.
  void add(const std::vector<io::ImageNotes>& found, bool whole);

  /// Sentences with the counts of all notes added.
  std::vector<std::string> lines() const;

 private:
  static constexpr size_t kKinds = io::kConversions + 7;
  using Kinds = std::array<bool, kKinds>;

  /// A warning if the 16-bit images do not fit the range that they are scaled from; else "".
  std::string warning_of(const io::NoteCounts& counts) const;
  static Kinds kinds_of(const io::NoteCounts& counts);
  /// Counts the notes. @return whether a kind is among them that was not reported yet.
  bool note(const io::NoteCounts& counts, bool whole);

  std::string name_;
  io::SampleRange range_;
  LogSink log_;
  mutable std::mutex guard_;
  io::NoteCounts seen_;
  bool whole_ = false;
  Kinds reported_{};
};

}  // namespace monge::data
