#include "monge/data/image_survey.h"

#include <algorithm>
#include <mutex>

#include "monge/core/error.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {

bool looks_grey(const ImageCollection& images, int64_t sample) {
  if (images.pixel_size()) return images.known_grey();
  const int64_t count = std::min(sample, images.size());
  std::atomic<bool> any = false, colour = false;
  const auto inspect = [&](int64_t k) {
    if (colour) return;
    try {
      io::ImageNotes notes;
      images.decode(k * images.size() / count, notes);
      (notes.grey ? any : colour) = true;
    } catch (const InputError&) {
      // The fault is reported when the image is used.
    }
  };
  if (count > 0) inspect(0);  // if the set has colour, one image suffices
  if (!colour && count > 1) for_each_parallel(count - 1, [&] { return [&](int64_t k) { inspect(k + 1); }; });
  return any && !colour;
}

io::NoteCounts measure_samples(const ImageCollection& images, const std::vector<int64_t>& chosen,
                               const std::atomic<bool>& stop) {
  io::NoteCounts out;
  if (images.pixel_size()) return out;  // 8 bits each
  std::mutex guard;
  for_each_parallel(static_cast<int64_t>(chosen.size()), [&] {
    return [&, buffer = std::string()](int64_t k) mutable {
      if (stop) return;
      const int64_t i = chosen[static_cast<size_t>(k)];
      io::ImageNotes notes;
      try {
        const io::DecodingMemory memory;
        const LargeBufferRelease release(buffer);
        const auto bytes = images.bytes(i, buffer);
        if (io::sample_bits(bytes) == 8) return;
        images.decode(i, bytes, {.keep_sixteen_bits = true}, notes);
      } catch (const InputError&) {
        return;
      }
      const std::lock_guard lock(guard);
      out.add(notes);
    };
  });
  return out;
}

std::string measured_range(const ImageCollection& images, const std::vector<int64_t>& chosen, const std::string& name,
                           const LogSink& log, const std::atomic<bool>& stop) {
  const auto seen = measure_samples(images, chosen, stop);
  if (seen.sixteen_bit == 0) return "full";
  const auto range = io::range_holding(static_cast<int>(seen.least), static_cast<int>(seen.largest)).text();
  log(LogLevel::info, text(name, ": ", seen.sixteen_bit, " 16-bit images use the values ", seen.least, "..",
                           seen.largest, ", so range = \"auto\" scales them from ", range));
  return range;
}

std::string clamped_values_warning(const io::NoteCounts& counts, const io::SampleRange& range) {
  if (counts.sixteen_bit == 0 || (counts.least >= range.low && counts.largest <= range.high)) return {};
  return text("16-bit images use the values ", counts.least, "..", counts.largest, ", beyond the range ", range.text(),
              ": values outside the range are clamped to black or white");
}

std::string common_range(const std::string& a, const std::string& b) {
  const auto first = io::parse_range(a, "range"), second = io::parse_range(b, "range");
  return io::SampleRange{std::min(first.low, second.low), std::max(first.high, second.high)}.text();
}

}  // namespace monge::data
