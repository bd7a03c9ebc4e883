#include "monge/data/native_images.h"

#include <mutex>

#include "monge/core/error.h"

namespace monge::data {

struct NativeImageSource::Counter {
  std::mutex guard;
  io::NoteCounts counts;
};

NativeImageSource::NativeImageSource(const std::filesystem::path& path, const ImageOptions& options, const LogSink& log)
    : name_(path.string()), options_(options), pictures_(open_pictures(path, log)), counter_(std::make_shared<Counter>()) {
  Preparation(options_.preparation());  // a bad option is found here
}

torch::Tensor NativeImageSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  require(indices.size() == 1, name_, ": its images have sizes of their own, so one at a time can be given, not ", indices.size());
  auto preparation_options = options_.preparation();
  preparation_options.resize_to = 0;
  preparation_options.crop = "none";
  auto decoding = Preparation(preparation_options).decoding();
  decoding.keep_sixteen_bits = options_.bits == 16;
  const int64_t i = indices[0];
  std::string buffer;
  io::ImageNotes notes;
  const auto image = pictures_->decode(i, pictures_->bytes(i, buffer), decoding, notes);
  check_conversion(*pictures_, i, options_.convert, notes);
  torch::Tensor out;
  try {
    preparation_options.height = image.size(0);
    preparation_options.width = image.size(1);
    const Preparation preparation(preparation_options);
    const bool floats = image.scalar_type() == torch::kUInt16;
    out = torch::empty({1, image.size(0), image.size(1), preparation.channels()}, floats ? torch::kFloat32 : torch::kUInt8);
    if (floats) {
      preparation.write_floats(image, out.data_ptr<float>(), &notes);
      out.div_(127.5).sub_(1);
    } else {
      preparation.write(image, out.data_ptr<uint8_t>(), &notes);
    }
  } catch (const Error& error) {
    throw Error(text(pictures_->where(i), ": ", error.what()));
  }
  const std::lock_guard lock(counter_->guard);
  counter_->counts.add(notes);
  return out.permute({0, 3, 1, 2});
}

std::string NativeImageSource::item_name(int64_t index) const {
  check({index});
  return pictures_->name(index);
}

int NativeImageSource::sample_bits(int64_t index) const {
  check({index});
  std::string buffer;
  return pictures_->pixel_size() ? 8 : io::sample_bits(pictures_->bytes(index, buffer));
}

Source::Remarks NativeImageSource::remarks() const {
  const std::lock_guard lock(counter_->guard);
  Remarks out;
  out.noticed = io::note_lines(counter_->counts);
  return out;
}

}  // namespace monge::data
