#include "monge/data/images.h"

#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/nearest.h"
#include "monge/data/name_list.h"
#include "monge/data/parallel.h"
#include "monge/data/pictures.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

int64_t count_faults(const std::vector<std::string>& faults) {
  return std::count_if(faults.begin(), faults.end(), [](const std::string& fault) { return !fault.empty(); });
}

/// @param converted  is told, too: who looks through a set wants to know of all that is odd in it.
[[noreturn]] void refuse_set(const std::string& name, std::vector<std::string> faults, const std::vector<std::string>& converted,
                             const std::string& fix) {
  const auto all = faults.size();
  std::erase(faults, "");
  constexpr size_t kMost = 1000;
  const auto odd = converted.empty() ? "" : text("\n", converted.size(), " more would be converted to 8-bit RGB (convert = true):",
                                                  listed(converted, converted.size()));
  throw Error(text(name, ": ", faults.size(), " of ", all, " pictures cannot be used; ", fix,
                   listed(faults, faults.size(), kMost), odd));
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

/// Pixels of a packed set were cropped when they were packed.
PreparationOptions preparation_of(const ImageOptions& options, const Pictures& pictures, const LogSink& log, const std::string& name) {
  auto out = options.preparation();
  const auto kept = pictures.pixel_size();
  if (!kept) return out;
  if (out.resize_to != 0 || out.crop != "centre") {
    log(LogLevel::info, text(name, ": is packed, so crop = \"", out.crop, "\" and resize_to = ", out.resize_to, " are taken as done"));
    out.crop = "centre";
    out.resize_to = 0;
  }
  if (kept->height != out.height || kept->width != out.width) {
    log(LogLevel::warning, text(name, ": its pictures are packed at ", kept->width, "x", kept->height, " and are resized to ", out.width, "x", out.height,
                                "; pack them at that size, or set size to theirs"));
  }
  return out;
}

}  // namespace

struct ImageSource::State {
  State(const fs::path& path, const ImageOptions& options, const ProgressCallback& progress, const LogSink& log)
      : name(path.string()), pictures(open_pictures(path, log)), preparation(preparation_of(options, *pictures, log, name)),
        convert(options.convert), skip(options.on_error == "skip"), log(log), teller(log) {
    require(skip || options.on_error == "fail", "on_error: got \"", options.on_error, "\" (allowed: fail, skip)");
    require(options.cache_mb >= 0, "cache_mb: must be 0 or more MiB, got ", options.cache_mb);
    const auto kept = pictures->pixel_size();
    direct = kept && preparation.keeps(kept->height, kept->width);
    const int64_t count = pictures->size();
    const bool fits = !direct && checked_multiply(count, preparation.item_bytes(), name) >> 20 < options.cache_mb;
    if (direct || (!fits && !skip)) return;

    if (fits) pixels = torch::empty({count, preparation.height(), preparation.width(), 3}, torch::kUInt8);
    std::vector<io::Conversion> conversions(static_cast<size_t>(count), io::Conversion::none);
    const auto faults = try_all(progress, conversions);
    const int64_t bad = count_faults(faults);
    remarks.converted = conversion_lines(faults, conversions);
    if (bad > 0 && !skip) refuse_set(name, faults, remarks.converted, kFix);
    if (bad == count) refuse_set(name, faults, {}, "none is left");
    teller.tell(name, conversions, /*whole=*/true);
    drop(faults);
    if (!fits) return;
    // From here on the names alone are needed: the compressed bytes of an archive may be many.
    for (int64_t i = 0; i < pixels.size(0); ++i) names.add(pictures->name(picture_of(i)));
    pictures.reset();
  }

  int64_t size() const {
    if (pixels.defined()) return pixels.size(0);
    return rows.empty() ? pictures->size() : static_cast<int64_t>(rows.size());
  }

  void load(int64_t picture, uint8_t* to, io::Conversion& conversion) const {
    std::string buffer;
    prepare_picture(*pictures, picture, pictures->bytes(picture, buffer), convert, &preparation, to, conversion);
  }

  /// Decodes every picture, into `pixels` where there are such; gives the faults, and fills `conversions`.
  std::vector<std::string> try_all(const ProgressCallback& progress, std::vector<io::Conversion>& conversions) const {
    const int64_t count = pictures->size(), item = preparation.item_bytes();
    std::vector<std::string> faults(static_cast<size_t>(count));
    uint8_t* all = pixels.defined() ? pixels.data_ptr<uint8_t>() : nullptr;
    std::mutex guard;
    int64_t done = 0;
    for_each_parallel(count, [&] {
      return [&, scratch = std::vector<uint8_t>(all ? 0 : static_cast<size_t>(item))](int64_t i) mutable {
        try {
          load(i, all ? all + i * item : scratch.data(), conversions[static_cast<size_t>(i)]);
        } catch (const SystemError&) {
          throw;
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

  /// A line for each picture that can be used after a conversion; those that cannot be used count as not converted.
  std::vector<std::string> conversion_lines(const std::vector<std::string>& faults, std::vector<io::Conversion>& conversions) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].empty()) conversions[i] = io::Conversion::none;
      if (conversions[i] == io::Conversion::none) continue;
      out.push_back(text(pictures->where(static_cast<int64_t>(i)), ": is ", io::conversion_name(conversions[i])));
    }
    return out;
  }

  void drop(const std::vector<std::string>& faults) {
    for (const auto& fault : faults) {
      if (!fault.empty()) remarks.left_out.push_back(fault);
    }
    if (remarks.left_out.empty()) return;
    for (size_t i = 0; i < faults.size(); ++i) {
      if (faults[i].empty()) rows.push_back(static_cast<int64_t>(i));
    }
    if (!pixels.defined()) return;
    // In place: a copy of the set may not fit beside it.
    const int64_t item = preparation.item_bytes();
    uint8_t* all = pixels.data_ptr<uint8_t>();
    for (size_t i = 0; i < rows.size(); ++i) std::copy_n(all + rows[i] * item, item, all + static_cast<int64_t>(i) * item);
    pixels = pixels.narrow(0, 0, static_cast<int64_t>(rows.size()));
  }

  /// One picture cannot be used and the user wants to know of all that cannot.
  [[noreturn]] void refuse_all(const std::string& first) const {
    const std::lock_guard lock(refusal_guard);  // loader threads may come here together
    if (refusal.empty()) {
      log(LogLevel::warning, text(first, "; looking for others that cannot be used"));
      std::vector<io::Conversion> conversions(static_cast<size_t>(pictures->size()));
      // In a thread that may start others: this one may be a loader's.
      const auto faults = std::async(std::launch::async, [&] { return try_all({}, conversions); }).get();
      if (count_faults(faults) == 0) throw Error(first);  // it is well by now, or the disk was not
      try {
        refuse_set(name, faults, conversion_lines(faults, conversions), kFix);
      } catch (const SystemError&) {
        throw;
      } catch (const Error& error) {
        refusal = error.what();
      }
    }
    throw Error(refusal);
  }

  int64_t picture_of(int64_t item) const { return rows.empty() ? item : rows[static_cast<size_t>(item)]; }

  static constexpr const char* kFix = "mend or remove them, or leave them out (on_error = \"skip\" in the recipe, --on-error skip of a command)";

  std::string name;
  std::shared_ptr<const Pictures> pictures;
  Preparation preparation;
  bool convert, skip, direct = false;
  torch::Tensor pixels;       ///< uint8 [N, H, W, 3], or undefined when the set is not cached
  std::vector<int64_t> rows;  ///< the pictures that are items; empty: all
  Remarks remarks;
  NameList names;             ///< of the items, where they are cached
  LogSink log;
  mutable ConversionTeller teller;
  mutable std::mutex refusal_guard;
  mutable std::string refusal;
};

ImageSource::ImageSource(const fs::path& path, const ImageOptions& options, const ProgressCallback& progress,
                         const LogSink& log)
    : state_(std::make_unique<State>(path, options, progress, log)) {}
ImageSource::~ImageSource() = default;

std::string ImageSource::name() const { return state_->name; }
std::vector<int64_t> ImageSource::item_shape() const { return {3, state_->preparation.height(), state_->preparation.width()}; }
int64_t ImageSource::size() const { return state_->size(); }
Source::Remarks ImageSource::remarks() const { return state_->remarks; }
bool ImageSource::is_quick() const { return state_->direct || state_->pixels.defined(); }

std::string ImageSource::item_name(int64_t index) const {
  check({index});
  return state_->pixels.defined() ? std::string(state_->names[index]) : state_->pictures->name(state_->picture_of(index));
}

torch::Tensor ImageSource::stored_items(const std::vector<int64_t>& indices) const {
  check(indices);
  const auto& s = *state_;
  const auto count = static_cast<int64_t>(indices.size());
  const int64_t item = s.preparation.item_bytes();
  auto pixels = torch::empty({count, s.preparation.height(), s.preparation.width(), 3}, torch::kUInt8);
  uint8_t* to = pixels.data_ptr<uint8_t>();
  const auto as_channels_first = [](const torch::Tensor& images_NHWC) { return images_NHWC.permute({0, 3, 1, 2}); };
  if (is_quick()) {
    const uint8_t* all = s.pixels.defined() ? s.pixels.data_ptr<uint8_t>() : nullptr;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t index = indices[static_cast<size_t>(i)];
      if (all) {
        std::copy_n(all + index * item, item, to + i * item);
      } else {
        s.pictures->copy_pixels(s.picture_of(index), to + i * item);
      }
    }
    return as_channels_first(pixels);
  }
  std::vector<io::Conversion> conversions(indices.size(), io::Conversion::none);
  try {
    for_each_parallel(count, [&] {
      return [&](int64_t i) {
        s.load(s.picture_of(indices[static_cast<size_t>(i)]), to + i * item, conversions[static_cast<size_t>(i)]);
      };
    });
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    if (s.skip) throw;  // it was well when the set was opened
    s.refuse_all(error.what());
  }
  s.teller.tell(s.name, conversions, count == size());
  return as_channels_first(pixels);
}

torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options) {
  const Preparation preparation(options.preparation());
  auto out = torch::empty({options.size, options.size, 3}, torch::kUInt8);
  preparation.write(image_HWC.contiguous(), out.data_ptr<uint8_t>());
  return out.permute({2, 0, 1});
}

}  // namespace monge::data
