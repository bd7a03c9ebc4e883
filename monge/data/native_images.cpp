#include "monge/data/native_images.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {

struct NativeImageSource::Counter {
  std::mutex guard;
  io::NoteCounts counts;
};

bool keeps_own_size(const ImageSize& image, const ImageSize& trained) {
  return image.width > trained.width || image.height > trained.height ||
         image.width * trained.height != image.height * trained.width;
}

bool any_keeps_own_size(const std::filesystem::path& path, const ImageSize& trained, const LogSink& log) {
  const auto images = open_image_collection(path, log);
  if (const auto size = images->pixel_size()) return keeps_own_size({size->width, size->height}, trained);
  std::atomic<bool> found = false;
  for_each_parallel(images->size(), [&] {
    return [&, buffer = std::string()](int64_t i) mutable {
      if (found) return;
      std::optional<ImageSize> size;
      try {
        const io::DecodingMemory memory;
        size = io::stored_size(images->bytes(i, buffer));
      } catch (const InputError&) {  // whoever decodes the image says why it cannot be read
      }
      if (!size) return;
      if (keeps_own_size(*size, trained) || keeps_own_size({size->height, size->width}, trained)) found = true;
    };
  });
  return found;
}

NativeImageSource::NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log,
                                     OwnSize own_size)
    : name_(path.string()),
      options_(options),
      own_size_(own_size),
      images_(open_image_collection(path, log)),
      counter_(std::make_shared<Counter>()) {
  const auto decoding = Preparation(options_.preparation()).decoding();  // throws for a bad option
  const bool fail = options_.when_unusable() == OnError::fail;
  std::vector<std::string> faults(static_cast<size_t>(images_->size()));
  std::mutex guard;
  for_each_parallel(images_->size(), [&] {
    return [&](int64_t i) {
      try {
        const io::DecodingMemory memory;
        io::ImageNotes notes;
        const auto image = images_->decode(i, notes, decoding);
        check_conversion(*images_, i, options_.convert, notes);
        const ImageSize size(image.size(1), image.size(0));
        if (std::max(size.width, size.height) > kMostSide) {
          throw InputError(text(images_->where(i), ": has ", text_of(size), " pixels; each side must be at most ",
                                kMostSide, " to translate it at its own size"));
        }
        const std::lock_guard lock(guard);
        own_sizes_ += keeps(size);
        largest_ = {std::max(largest_.width, size.width), std::max(largest_.height, size.height)};
      } catch (const InputError& error) {
        faults[static_cast<size_t>(i)] = error.what();
      }
    };
  });
  for (size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].empty()) {
      rows_.push_back(static_cast<int64_t>(i));
    } else {
      left_out_.push_back(faults[i]);
    }
  }
  if (left_out_.empty()) return;
  const auto all = text(left_out_.size(), " of ", faults.size(), " images cannot be used");
  if (rows_.empty() || fail) {
    constexpr size_t kMost = 1000;
    const auto fix = rows_.empty() ? "none is left" : unusable_images_fix();
    throw InputError(text(name_, ": ", all, "; ", fix, listed(left_out_, left_out_.size(), kMost)));
  }
  log(LogLevel::warning, text(name_, ": ", all, " and are left out:", listed(left_out_, left_out_.size())));
}

torch::Tensor NativeImageSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  require(indices.size() == 1, name_, ": its images differ in size, so they can only be read one at a time, not ",
          indices.size());
  auto preparation_options = options_.preparation();
  auto decoding = Preparation(preparation_options).decoding();
  decoding.keep_sixteen_bits = options_.bits == 16;
  decoding.resized_pixels = [this, resized = decoding.resized_pixels](int64_t height, int64_t width) {
    return keeps({width, height}) ? 0 : resized(height, width);
  };
  const int64_t i = image_of(indices[0]);
  const io::DecodingMemory memory;
  std::string buffer;
  io::ImageNotes notes;
  const auto image = images_->decode(i, images_->bytes(i, buffer), decoding, notes);
  check_conversion(*images_, i, options_.convert, notes);
  torch::Tensor out;
  try {
    if (keeps({image.size(1), image.size(0)})) {
      preparation_options.resize_to = 0;
      preparation_options.crop = "none";
      preparation_options.height = image.size(0);
      preparation_options.width = image.size(1);
      preparation_options.most_side = kMostSide;
    }
    const Preparation preparation(preparation_options);
    const bool floats = image.scalar_type() == torch::kUInt16;
    out = torch::empty({1, preparation.height(), preparation.width(), preparation.channels()},
                       floats ? torch::kFloat32 : torch::kUInt8);
    if (floats) {
      preparation.write_floats(image, out.data_ptr<float>(), &notes);
      notes.conversion = io::Conversion::none;  // all its bits are kept
      out.div_(127.5).sub_(1);
    } else {
      preparation.write(image, out.data_ptr<uint8_t>(), &notes);
    }
  } catch (const InputError& error) {
    throw InputError(text(images_->where(i), ": ", error.what()));
  }
  const std::lock_guard lock(counter_->guard);
  counter_->counts.add(notes);
  return out.permute({0, 3, 1, 2});
}

std::string NativeImageSource::item_name(int64_t index) const {
  check({index});
  return images_->name(image_of(index));
}

int NativeImageSource::sample_bits(int64_t index) const {
  check({index});
  const io::DecodingMemory memory;
  std::string buffer;
  return images_->pixel_size() ? 8 : io::sample_bits(images_->bytes(image_of(index), buffer));
}

Source::OpenReport NativeImageSource::open_report() const {
  const std::lock_guard lock(counter_->guard);
  OpenReport out;
  out.left_out = left_out_;
  out.noticed = io::note_lines(counter_->counts);
  return out;
}

}  // namespace monge::data
