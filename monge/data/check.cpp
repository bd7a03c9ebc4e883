#include "monge/data/check.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/image_collection.h"
#include "monge/data/member_path.h"
#include "monge/data/packed_set.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

bool is_near_empty(const torch::Tensor& image_HWC) {
  const auto rgb = io::to_rgb(image_HWC);
  const uint8_t* pixel = rgb.data_ptr<uint8_t>();
  const int64_t pixels = rgb.size(0) * rgb.size(1);
  int64_t sum[3] = {}, squares[3] = {};
  for (int64_t i = 0; i < pixels; ++i, pixel += 3) {
    for (int c = 0; c < 3; ++c) {
      sum[c] += pixel[c];
      squares[c] += pixel[c] * pixel[c];
    }
  }
  const auto n = static_cast<double>(pixels);
  for (int c = 0; c < 3; ++c) {
    const double mean = static_cast<double>(sum[c]) / n;
    if (static_cast<double>(squares[c]) / n - mean * mean >= kNearEmpty * kNearEmpty) return false;
  }
  return true;
}

/// What is kept of each image.
struct ImageFacts {
  uint64_t content = 0;
  int32_t width = 0, height = 0;
  int8_t channels = 0;
  bool near_empty = false, decoded = false;
  io::ImageNotes notes;
};

/// Decodes image i. @param length  the size of its file, also when it cannot be decoded.
/// @throws InputError naming the image.
void decode_to_check(const ImageCollection& images, int64_t i, std::string& buffer, ImageFacts& out, int64_t& length) {
  const io::DecodingMemory memory;
  const LargeBufferRelease release(buffer);
  const auto bytes = images.bytes(i, buffer);
  length = static_cast<int64_t>(bytes.size());
  out.content = images.pixel_size() ? images.content(i) : content_hash64(bytes);
  const auto image = images.decode(i, bytes, {}, out.notes);
  out.decoded = true;
  out.height = static_cast<int32_t>(image.size(0));
  out.width = static_cast<int32_t>(image.size(1));
  out.channels = static_cast<int8_t>(image.size(2));
  out.near_empty = is_near_empty(image);
}

/// Adds a decoded image to the report.
void add_image(const std::string& name, const ImageFacts& facts, ImageReport& out) {
  ++out.widths[facts.width];
  ++out.heights[facts.height];
  ++out.channels[facts.channels];
  if (facts.near_empty) out.near_empty.push_back(name);
  out.notes.add(facts.notes);
  if (facts.notes.conversion != io::Conversion::none) out.converted.emplace_back(name, facts.notes.conversion);
  if (facts.notes.orientation != 1) out.oriented.emplace_back(name, facts.notes.orientation);
  if (facts.notes.without_end) out.without_end.push_back(name);
  if (facts.notes.more_pages) out.several_pages.push_back(name);
}

/// The content hashes of a set, and the first image with each.
std::unordered_map<uint64_t, int64_t> contents_of(const ImageCollection& images,
                                                  const std::function<void()>& add_progress,
                                                  const std::atomic<bool>& stop, std::vector<std::string>& faults) {
  faults.resize(static_cast<size_t>(images.size()));
  std::vector<uint64_t> content(static_cast<size_t>(images.size()));
  std::mutex guard;
  for_each_parallel(images.size(), [&] {
    return [&](int64_t i) {
      if (stop) return;
      try {
        content[static_cast<size_t>(i)] = images.content(i);
      } catch (const InputError& error) {
        faults[static_cast<size_t>(i)] = error.what();
      }
      const std::lock_guard lock(guard);
      add_progress();
    };
  });
  std::unordered_map<uint64_t, int64_t> out;
  for (int64_t i = 0; i < images.size(); ++i) {
    if (faults[static_cast<size_t>(i)].empty()) out.emplace(content[static_cast<size_t>(i)], i);
  }
  std::erase(faults, "");
  return out;
}

}  // namespace

ImageReport check_images(const fs::path& path, const fs::path& against, const LogSink& log,
                         const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop) {
  const auto images = open_image_collection(path, log);
  const auto others = against.empty() ? nullptr : open_image_collection(against, log);
  ImageReport out;
  out.name = path.string();
  out.images = images->size();
  out.against = others ? others->size() : 0;
  const int64_t total = out.images + out.against;
  int64_t done = 0;
  const auto add_progress = [&] {
    if (progress) progress(++done, total);
  };

  std::vector<ImageFacts> facts(static_cast<size_t>(out.images));
  std::vector<std::string> faults(static_cast<size_t>(out.images));
  std::mutex guard;
  for_each_parallel(out.images, [&] {
    return [&, buffer = std::string()](int64_t i) mutable {
      if (stop) return;
      int64_t length = 0;
      try {
        decode_to_check(*images, i, buffer, facts[static_cast<size_t>(i)], length);
      } catch (const InputError& error) {
        faults[static_cast<size_t>(i)] = error.what();
      }
      const std::lock_guard lock(guard);
      out.bytes += length;
      add_progress();
    };
  });
  std::unordered_map<uint64_t, int64_t> theirs;
  if (others) theirs = contents_of(*others, add_progress, stop, out.unread);
  if (const auto set = member_path(path.string()).set; is_packed_set(set) && !stop)
    out.damaged = verify_packed_set(set, progress, stop);
  out.complete = !stop;
  if (stop) return out;

  std::unordered_map<uint64_t, int64_t> first;
  for (int64_t i = 0; i < out.images; ++i) {
    const auto& f = facts[static_cast<size_t>(i)];
    if (!f.decoded) {
      out.corrupt.push_back(faults[static_cast<size_t>(i)]);
      continue;  // files truncated to nothing are not duplicates of each other
    }
    const auto name = images->name(i);
    add_image(name, f, out);
    const auto [found, fresh] = first.emplace(f.content, i);
    if (!fresh) out.duplicates.emplace_back(name, images->name(found->second));
    if (const auto leak = theirs.find(f.content); leak != theirs.end())
      out.leaked.emplace_back(name, others->name(leak->second));
  }
  return out;
}

}  // namespace monge::data
