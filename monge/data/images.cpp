#include "monge/data/images.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/data/image_source_state.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"

namespace monge::data {

ImageSource::ImageSource(const std::filesystem::path& path, const ImageOptions& options,
                         const ProgressCallback& progress, const LogSink& log)
    : state_(std::make_unique<State>(path, options, progress, log)) {}
ImageSource::~ImageSource() = default;

std::string ImageSource::name() const { return state_->name; }
std::vector<int64_t> ImageSource::item_shape() const {
  return {state_->preparation.channels(), state_->preparation.height(), state_->preparation.width()};
}
int64_t ImageSource::size() const { return state_->size(); }
Source::OpenReport ImageSource::open_report() const {
  auto out = state_->report;
  out.noticed = state_->notes.lines();
  return out;
}

int ImageSource::sample_bits(int64_t index) const {
  check({index});
  if (state_->pixels.defined() || state_->images->pixel_size()) return 8;
  const io::DecodingMemory memory;
  std::string buffer;
  return io::sample_bits(state_->images->bytes(state_->image_of(index), buffer));
}

bool ImageSource::is_quick() const { return state_->direct || state_->pixels.defined(); }

std::string ImageSource::item_name(int64_t index) const {
  check({index});
  return state_->pixels.defined() ? std::string(state_->names[index]) : state_->images->name(state_->image_of(index));
}

torch::Tensor ImageSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  const auto& s = *state_;
  const auto count = static_cast<int64_t>(indices.size());
  const int64_t item = s.preparation.item_bytes();
  const bool floats = s.options.bits == 16 && !is_quick();
  auto values = torch::empty({count, s.preparation.height(), s.preparation.width(), s.preparation.channels()},
                             floats ? torch::kFloat32 : torch::kUInt8);
  const auto as_channels_first = [](const torch::Tensor& images_NHWC) { return images_NHWC.permute({0, 3, 1, 2}); };
  if (is_quick()) {
    const uint8_t* all = s.pixels.defined() ? s.pixels.data_ptr<uint8_t>() : nullptr;
    uint8_t* to = values.data_ptr<uint8_t>();
    std::vector<uint8_t> scratch;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = indices[static_cast<size_t>(i)];
      if (all) {
        std::copy_n(all + index * item, item, to + i * item);
      } else {
        s.copy_direct(s.image_of(index), to + i * item, scratch);
      }
    }
    return as_channels_first(values);
  }
  std::vector<io::ImageNotes> notes(indices.size());
  try {
    for_each_parallel(count, [&] {
      return [&](int64_t i) {
        const int64_t image = s.image_of(indices[static_cast<size_t>(i)]);
        auto& found = notes[static_cast<size_t>(i)];
        if (floats) {
          s.load_floats(image, values.data_ptr<float>() + i * item, found);
        } else {
          s.load(image, values.data_ptr<uint8_t>() + i * item, found);
        }
      };
    });
  } catch (const InputError& error) {
    if (s.skip) throw;  // the image could be used when the set was opened
    s.refuse_all(error.what());
  }
  for (size_t i = 0; i < notes.size(); ++i) s.refuse_colour(s.image_of(indices[i]), notes[i]);
  bool whole = count == size();
  for (int64_t i = 0; whole && i < count; ++i) whole = indices[static_cast<size_t>(i)] == i;
  s.notes.add(notes, whole);
  return as_channels_first(values);
}

torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options) {
  const Preparation preparation(options.preparation());
  auto out = torch::empty({preparation.height(), preparation.width(), preparation.channels()}, torch::kUInt8);
  preparation.write(image_HWC.contiguous(), out.data_ptr<uint8_t>());
  return out.permute({2, 0, 1});
}

}  // namespace monge::data
