#include "monge/data/check.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/image_collection.h"
#include "monge/data/packed_set.h"
#include "monge/data/parallel.h"

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

/// What is kept of an image.
struct Facts {
  uint64_t content = 0;
  int32_t width = 0, height = 0;
  int8_t channels = 0;
  bool near_empty = false, seen = false;
  io::ImageNotes notes;
};

/// The content hashes of a set, and the first image with each.
std::unordered_map<uint64_t, int64_t> contents_of(const ImageCollection& images, const std::function<void()>& tell,
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
      tell();
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
  const auto tell = [&] {
    if (progress) progress(++done, total);
  };

  std::vector<Facts> facts(static_cast<size_t>(out.images));
  std::vector<std::string> faults(static_cast<size_t>(out.images));
  std::mutex guard;
  for_each_parallel(out.images, [&] {
    return [&, buffer = std::string()](int64_t i) mutable {
      if (stop) return;
      auto& f = facts[static_cast<size_t>(i)];
      int64_t length = 0;
      try {
        const auto bytes = images->bytes(i, buffer);
        length = static_cast<int64_t>(bytes.size());
        f.content = images->pixel_size() ? images->content(i) : content_number(bytes);
        const auto image = images->decode(i, bytes, {}, f.notes);
        f.seen = true;
        f.height = static_cast<int32_t>(image.size(0));
        f.width = static_cast<int32_t>(image.size(1));
        f.channels = static_cast<int8_t>(image.size(2));
        f.near_empty = is_near_empty(image);
      } catch (const InputError& error) {
        faults[static_cast<size_t>(i)] = error.what();
      }
      const std::lock_guard lock(guard);
      out.bytes += length;
      tell();
    };
  });
  std::unordered_map<uint64_t, int64_t> theirs;
  if (others) theirs = contents_of(*others, tell, stop, out.unread);
  if (is_packed_set(path) && !stop) out.damaged = verify_packed_set(path, progress, stop);
  out.complete = !stop;
  if (stop) return out;

  std::unordered_map<uint64_t, int64_t> first;
  for (int64_t i = 0; i < out.images; ++i) {
    const auto& f = facts[static_cast<size_t>(i)];
    if (!f.seen) {
      out.corrupt.push_back(faults[static_cast<size_t>(i)]);
      continue;  // files that are all cut to nothing are no duplicates of each other
    }
    ++out.widths[f.width];
    ++out.heights[f.height];
    ++out.channels[f.channels];
    if (f.near_empty) out.near_empty.push_back(images->name(i));
    out.notes.add(f.notes);
    if (f.notes.conversion != io::Conversion::none) out.converted.emplace_back(images->name(i), f.notes.conversion);
    if (f.notes.orientation != 1) out.oriented.emplace_back(images->name(i), f.notes.orientation);
    if (f.notes.without_end) out.without_end.push_back(images->name(i));
    if (f.notes.more_pages) out.several_pages.push_back(images->name(i));
    const auto [found, fresh] = first.emplace(f.content, i);
    if (!fresh) out.duplicates.emplace_back(images->name(i), images->name(found->second));
    if (const auto leak = theirs.find(f.content); leak != theirs.end())
      out.leaked.emplace_back(images->name(i), others->name(leak->second));
  }
  return out;
}

}  // namespace monge::data
