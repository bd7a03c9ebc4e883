// Reports what was noticed of images: counts of all, and each kind once. Not for other callers than ImageSource.
#pragma once

#include <array>
#include <mutex>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/io/image_notes.h"
#include "monge/io/sample_range.h"

namespace monge::data {

/// Sums the notes on the images of a set, and reports each kind of note to the log once. Safe to use from several
/// threads.
class ImageNoteReporter {
 public:
  /// @param range  that 16-bit samples are scaled from. @param log  null: nothing is reported.
  ImageNoteReporter(std::string name, const io::SampleRange& range, LogSink log);

  /// @param found  an entry an image.
  /// @param whole  whether it is of the whole set. What comes after that is known already.
  void add(const std::vector<io::ImageNotes>& found, bool whole);

  /// Sentences with counts of all that was added.
  std::vector<std::string> lines() const;

 private:
  static constexpr size_t kKinds = io::kConversions + 7;
  using Kinds = std::array<bool, kKinds>;

  /// What is wrong with the range that 16-bit images are scaled from.
  std::string warning_of(const io::NoteCounts& counts) const;
  static Kinds kinds_of(const io::NoteCounts& counts);
  /// Counts them. @return whether a kind is among them that was not reported yet.
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
