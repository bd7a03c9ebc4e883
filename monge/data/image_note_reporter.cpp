#include "monge/data/image_note_reporter.h"

#include <utility>

#include "monge/core/error.h"
#include "monge/data/image_survey.h"

namespace monge::data {

ImageNoteReporter::ImageNoteReporter(std::string name, const io::SampleRange& range, LogSink log)
    : name_(std::move(name)), range_(range), log_(std::move(log)) {}

bool ImageNoteReporter::note(const io::NoteCounts& counts, bool whole) {
  const std::lock_guard lock(guard_);
  if (!whole_) seen_.add(counts);
  whole_ = whole_ || whole;
  const auto kinds = kinds_of(counts);
  bool any_new = false;
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    any_new = any_new || (kinds[kind] && !reported_[kind]);
    reported_[kind] = reported_[kind] || kinds[kind];
  }
  return any_new;
}

void ImageNoteReporter::add(const std::vector<io::ImageNotes>& found, bool whole) {
  io::NoteCounts counts;
  for (const auto& notes : found) counts.add(notes);
  if (!note(counts, whole) || !log_) return;
  const auto rest =
      whole ? "" : text(" among ", found.size(), " just decoded; later images of these kinds are not reported");
  for (const auto& line : io::note_lines(counts)) log_(LogLevel::info, text(name_, ": ", line, rest));
  if (const auto warning = warning_of(counts); !warning.empty()) {
    log_(LogLevel::warning, text(name_, ": ", warning, rest));
  }
}

std::vector<std::string> ImageNoteReporter::lines() const {
  const std::lock_guard lock(guard_);
  auto out = io::note_lines(seen_);
  if (auto warning = warning_of(seen_); !warning.empty()) out.push_back(std::move(warning));
  return out;
}

std::string ImageNoteReporter::warning_of(const io::NoteCounts& counts) const {
  return range_.full() ? io::unused_range_warning(counts, "range") : clamped_values_warning(counts, range_);
}

ImageNoteReporter::Kinds ImageNoteReporter::kinds_of(const io::NoteCounts& counts) {
  Kinds out{};
  for (size_t kind = 1; kind < counts.converted.size(); ++kind) out[kind] = counts.converted[kind] > 0;
  size_t at = io::kConversions;
  for (const int64_t count : {counts.upright, counts.left_turned, counts.without_end, counts.more_pages, counts.cropped,
                              counts.colour_dropped, counts.sixteen_bit}) {
    out[at++] = count > 0;
  }
  return out;
}

}  // namespace monge::data
