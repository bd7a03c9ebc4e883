#include "monge/data/images.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "monge/core/checked.h"
#include "monge/core/nearest.h"
#include "monge/data/crop.h"
#include "monge/data/parallel.h"
#include "monge/data/picture_file.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// The options, checked and parsed.
struct Preparation {
  explicit Preparation(const ImageOptions& options)
      : size(options.size),
        crop(options.crop),
        filter(io::filter_named(options.filter)),
        background(io::parse_colour(options.background, "background")),
        grey(options.grey) {
    require(size >= 1 && size <= 4096, "size: the side of the pictures must be 1 to 4096 pixels, got ", size);
  }

  /// Writes the picture to `to`, [3, size, size].
  void write(const torch::Tensor& image_HWC, uint8_t* to) const {
    auto image = io::resize_uint8(io::to_rgb(crop(image_HWC), background), size, size, filter);
    if (grey) image = io::to_grey(image);
    const uint8_t* from = image.data_ptr<uint8_t>();
    const int64_t pixels = size * size;
    for (int64_t i = 0; i < pixels; ++i) {
      for (int64_t c = 0; c < 3; ++c) to[c * pixels + i] = from[3 * i + c];
    }
  }

  int64_t size;
  Crop crop;
  io::Filter filter;
  io::Colour background;
  bool grey;
};

/// What went wrong with the pictures of a set; one entry a picture, "" where it is well.
std::vector<std::string> some_complaints(const std::vector<std::string>& faults) {
  std::vector<std::string> out;
  for (const auto& fault : faults) {
    if (!fault.empty() && out.size() < kMostListed) out.push_back(fault);
  }
  return out;
}

int64_t count_faults(const std::vector<std::string>& faults) {
  return std::count_if(faults.begin(), faults.end(), [](const std::string& fault) { return !fault.empty(); });
}

[[noreturn]] void refuse_set(const std::string& name, const std::vector<std::string>& faults, const std::string& fix) {
  const auto bad = static_cast<size_t>(count_faults(faults));
  throw Error(text(name, ": ", bad, " of ", faults.size(), " pictures cannot be used; ", fix,
                   listed(some_complaints(faults), bad)));
}

/// Tells the log what was converted, each kind once.
class ConversionTeller {
 public:
  explicit ConversionTeller(LogSink log) : log_(std::move(log)) {}

  /// @param whole  whether `found`, one entry a picture, is of the whole set.
  void tell(const std::string& name, const std::vector<io::Conversion>& found, bool whole) {
    io::ConversionCounts counts{};
    for (const auto conversion : found) ++counts[static_cast<size_t>(conversion)];
    bool any_new = false;
    {
      const std::lock_guard lock(guard_);
      for (size_t kind = 1; kind < counts.size(); ++kind) {
        any_new = any_new || (counts[kind] > 0 && !told_[kind]);
        told_[kind] = told_[kind] || counts[kind] > 0;
      }
    }
    if (!any_new) return;
    const auto rest = whole ? "" : text(" among ", found.size(), " just decoded; later ones of these kinds are not reported");
    log_(LogLevel::info, text(name, ": ", io::conversion_text(counts), rest));
  }

 private:
  LogSink log_;
  std::mutex guard_;
  std::array<bool, io::kConversions> told_{};
};

}  // namespace

struct ImageSource::State {
  State(const fs::path& path, const ImageOptions& options, const ProgressCallback& progress, const LogSink& log)
      : name(path.string()), preparation(options), pictures(list_pictures(path, log)), teller(log) {
    require(options.on_error == "fail" || options.on_error == "skip", "on_error: got \"", options.on_error,
            "\" (allowed: fail, skip)");
    require(options.cache_mb >= 0, "cache_mb: must be 0 or more MiB, got ", options.cache_mb);
    const bool skip = options.on_error == "skip";
    const auto count = static_cast<int64_t>(pictures.size());
    const bool fits = checked_multiply(count, item_bytes(), name) >> 20 < options.cache_mb;
    if (!fits && !skip) return;

    if (fits) pixels = torch::empty({count, 3, preparation.size, preparation.size}, torch::kUInt8);
    std::vector<io::Conversion> conversions(pictures.size(), io::Conversion::none);
    const auto faults = try_all(progress, conversions);
    skipped = count_faults(faults);
    if (skipped > 0 && !skip) refuse_set(name, faults, "mend or remove them, or set on_error = \"skip\"");
    if (skipped == count) refuse_set(name, faults, "none is left");
    complaints = some_complaints(faults);
    for (size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].empty()) conversions[i] = io::Conversion::none;
    }
    teller.tell(name, conversions, /*whole=*/true);
    drop(faults);
    if (fits) {
      for (auto& picture : pictures) picture.bytes = {};
    }
  }

  int64_t item_bytes() const { return 3 * preparation.size * preparation.size; }

  void load(const PictureFile& picture, uint8_t* to, io::Conversion& conversion) const {
    const auto image = picture.decode(conversion);
    try {
      preparation.write(image, to);
    } catch (const Error& error) {
      throw Error(text(picture.name, ": ", error.what()));
    }
  }

  /// Decodes every picture, into `pixels` where there are such; gives the faults, and fills `conversions`.
  std::vector<std::string> try_all(const ProgressCallback& progress, std::vector<io::Conversion>& conversions) {
    const auto count = static_cast<int64_t>(pictures.size());
    std::vector<std::string> faults(pictures.size());
    uint8_t* all = pixels.defined() ? pixels.data_ptr<uint8_t>() : nullptr;
    std::mutex guard;
    int64_t done = 0;
    for_each_parallel(count, [&] {
      return [&, scratch = std::vector<uint8_t>(all ? 0 : static_cast<size_t>(item_bytes()))](int64_t i) mutable {
        try {
          load(pictures[static_cast<size_t>(i)], all ? all + i * item_bytes() : scratch.data(),
               conversions[static_cast<size_t>(i)]);
        } catch (const Error& error) {
          faults[static_cast<size_t>(i)] = error.what();
        }
        if (!progress) return;
        const std::lock_guard lock(guard);
        progress(++done, count);
      };
    });
    return faults;
  }

  void drop(const std::vector<std::string>& faults) {
    if (skipped == 0) return;
    std::vector<PictureFile> kept;
    std::vector<int64_t> rows;
    for (size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].empty()) continue;
      kept.push_back(std::move(pictures[i]));
      rows.push_back(static_cast<int64_t>(i));
    }
    pictures = std::move(kept);
    if (pixels.defined()) pixels = pixels.index_select(0, torch::tensor(rows, torch::kInt64));
  }

  std::string name;
  Preparation preparation;
  std::vector<PictureFile> pictures;
  torch::Tensor pixels;  ///< uint8 [N, 3, size, size], or undefined when the set is too large
  int64_t skipped = 0;
  std::vector<std::string> complaints;
  mutable ConversionTeller teller;
};

ImageSource::ImageSource(const fs::path& path, const ImageOptions& options, const ProgressCallback& progress,
                         const LogSink& log)
    : state_(std::make_unique<State>(path, options, progress, log)) {}
ImageSource::~ImageSource() = default;

std::string ImageSource::name() const { return state_->name; }
std::vector<int64_t> ImageSource::item_shape() const { return {3, state_->preparation.size, state_->preparation.size}; }
int64_t ImageSource::size() const { return static_cast<int64_t>(state_->pictures.size()); }
int64_t ImageSource::skipped() const { return state_->skipped; }
const std::vector<std::string>& ImageSource::complaints() const { return state_->complaints; }
bool ImageSource::cached() const { return state_->pixels.defined(); }

std::string ImageSource::item_name(int64_t index) const {
  check({index});
  return state_->pictures[static_cast<size_t>(index)].name_within(state_->name);
}

torch::Tensor ImageSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  if (cached()) return state_->pixels.index_select(0, torch::tensor(indices, torch::kInt64));
  const auto count = static_cast<int64_t>(indices.size());
  auto pixels = torch::empty({count, 3, state_->preparation.size, state_->preparation.size}, torch::kUInt8);
  uint8_t* to = pixels.data_ptr<uint8_t>();
  std::vector<io::Conversion> conversions(indices.size(), io::Conversion::none);
  for_each_parallel(count, [&] {
    return [&](int64_t i) {
      const auto index = static_cast<size_t>(indices[static_cast<size_t>(i)]);
      state_->load(state_->pictures[index], to + i * state_->item_bytes(), conversions[static_cast<size_t>(i)]);
    };
  });
  state_->teller.tell(state_->name, conversions, count == size());
  return pixels;
}

torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options) {
  const Preparation preparation(options);
  auto out = torch::empty({3, options.size, options.size}, torch::kUInt8);
  preparation.write(image_HWC.contiguous(), out.data_ptr<uint8_t>());
  return out;
}

}  // namespace monge::data
