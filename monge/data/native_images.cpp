#include "monge/data/native_images.h"

#include <algorithm>
#include <mutex>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/parallel.h"

namespace monge::data {

struct NativeImageSource::Counter {
  std::mutex guard;
  io::NoteCounts counts;
};

NativeImageSource::NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log,
                                     int64_t least_side)
    : name_(path.string()),
      options_(options),
      images_(open_image_collection(path, log)),
      counter_(std::make_shared<Counter>()) {
  Preparation(options_.preparation());  // throws for a bad option
  const bool fail = options_.when_unusable() == OnError::fail;
  constexpr int64_t kMostSide = 4096;
  std::vector<std::string> faults(static_cast<size_t>(images_->size()));
  for_each_parallel(images_->size(), [&] {
    return [&](int64_t i) {
      try {
        io::ImageNotes notes;
        const auto image = images_->decode(i, notes);
        check_conversion(*images_, i, options_.convert, notes);
        const int64_t height = image.size(0), width = image.size(1);
        if (std::min(height, width) < least_side || std::max(height, width) > kMostSide) {
          throw InputError(text(images_->where(i), ": has ", width, "x", height, " pixels; a side must be ", least_side,
                                " to ", kMostSide, " to be translated at its own size"));
        }
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
  require(indices.size() == 1, name_, ": its images have sizes of their own, so one at a time can be given, not ",
          indices.size());
  auto preparation_options = options_.preparation();
  preparation_options.resize_to = 0;
  preparation_options.crop = "none";
  auto decoding = Preparation(preparation_options).decoding();
  decoding.keep_sixteen_bits = options_.bits == 16;
  const int64_t i = image_of(indices[0]);
  std::string buffer;
  io::ImageNotes notes;
  const auto image = images_->decode(i, images_->bytes(i, buffer), decoding, notes);
  check_conversion(*images_, i, options_.convert, notes);
  torch::Tensor out;
  try {
    preparation_options.height = image.size(0);
    preparation_options.width = image.size(1);
    const Preparation preparation(preparation_options);
    const bool floats = image.scalar_type() == torch::kUInt16;
    out = torch::empty({1, image.size(0), image.size(1), preparation.channels()},
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
