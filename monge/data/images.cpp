#include "monge/data/images.h"

#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/nearest.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_survey.h"
#include "monge/data/name_list.h"
#include "monge/data/parallel.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

int64_t count_faults(const std::vector<std::string>& faults) {
  return std::count_if(faults.begin(), faults.end(), [](const std::string& fault) { return !fault.empty(); });
}

/// @param converted  is told, too: who looks through a set wants to know of all that is odd in it.
[[noreturn]] void refuse_set(const std::string& name, std::vector<std::string> faults,
                             const std::vector<std::string>& converted, const std::string& fix) {
  const auto all = faults.size();
  std::erase(faults, "");
  constexpr size_t kMost = 1000;
  const auto odd =
      converted.empty()
          ? ""
          : text("\n", converted.size(),
                 " more would be converted to 8-bit RGB (convert = true):", listed(converted, converted.size()));
  throw Error(text(name, ": ", faults.size(), " of ", all, " images cannot be used; ", fix,
                   listed(faults, faults.size(), kMost), odd));
}

/// Sums what was noticed, and tells the log of each kind once.
class NoteTeller {
 public:
  NoteTeller(std::string name, const io::SampleRange& range, LogSink log)
      : name_(std::move(name)), range_(range), log_(std::move(log)) {}

  /// @param whole  whether `found`, one entry an image, is of the whole set. What comes after that is known already.
  void tell(const std::vector<io::ImageNotes>& found, bool whole) {
    io::NoteCounts counts;
    for (const auto& notes : found) counts.add(notes);
    bool any_new = false;
    {
      const std::lock_guard lock(guard_);
      if (!whole_) seen_.add(counts);
      whole_ = whole_ || whole;
      const auto kinds = kinds_of(counts);
      for (size_t kind = 0; kind < kinds.size(); ++kind) {
        any_new = any_new || (kinds[kind] && !told_[kind]);
        told_[kind] = told_[kind] || kinds[kind];
      }
    }
    if (!any_new || !log_) return;
    const auto rest =
        whole ? "" : text(" among ", found.size(), " just decoded; later ones of these kinds are not reported");
    for (const auto& line : io::note_lines(counts)) log_(LogLevel::info, text(name_, ": ", line, rest));
    if (const auto warning = warning_of(counts); !warning.empty()) {
      log_(LogLevel::warning, text(name_, ": ", warning, rest));
    }
  }

  std::vector<std::string> lines() const {
    const std::lock_guard lock(guard_);
    auto out = io::note_lines(seen_);
    if (auto warning = warning_of(seen_); !warning.empty()) out.push_back(std::move(warning));
    return out;
  }

 private:
  /// What is wrong with the range that 16-bit images are scaled from.
  std::string warning_of(const io::NoteCounts& counts) const {
    return range_.full() ? io::unused_range_warning(counts, "range") : clamped_values_warning(counts, range_);
  }

  static constexpr size_t kKinds = io::kConversions + 7;
  static std::array<bool, kKinds> kinds_of(const io::NoteCounts& counts) {
    std::array<bool, kKinds> out{};
    for (size_t kind = 1; kind < counts.converted.size(); ++kind) out[kind] = counts.converted[kind] > 0;
    size_t at = io::kConversions;
    for (const int64_t count : {counts.upright, counts.left_turned, counts.without_end, counts.more_pages,
                                counts.cropped, counts.colour_dropped, counts.sixteen_bit}) {
      out[at++] = count > 0;
    }
    return out;
  }

  std::string name_;
  io::SampleRange range_;
  LogSink log_;
  mutable std::mutex guard_;
  io::NoteCounts seen_;
  bool whole_ = false;
  std::array<bool, kKinds> told_{};
};

/// The options with what the images are in place of "auto".
ImageOptions resolved(ImageOptions options, const ImageCollection& images, const std::string& name,
                      const LogSink& log) {
  if (options.colour != "auto" && options.colour != "rgb" && options.colour != "grey") {
    throw Error(Complaint{.what = "not a number of channels",
                          .where = "colour",
                          .value = '"' + options.colour + '"',
                          .allowed = "auto, rgb, grey"});
  }
  if (options.colour == "auto") options.colour = !options.grey && looks_grey(images) ? "grey" : "rgb";
  if (options.range == "auto") {
    std::vector<int64_t> all(static_cast<size_t>(images.size()));
    std::iota(all.begin(), all.end(), 0);
    options.range = measured_range(images, all, name, log);
  }
  return options;
}

/// Pixels of a packed set were cropped when they were packed.
PreparationOptions preparation_of(const ImageOptions& options, const ImageCollection& images, const LogSink& log,
                                  const std::string& name) {
  auto out = options.preparation();
  const auto kept = images.pixel_size();
  if (!kept) return out;
  if (out.resize_to != 0 || out.crop != "centre") {
    log(LogLevel::info,
        text(name, ": is packed, so crop = \"", out.crop, "\" and resize_to = ", out.resize_to, " are taken as done"));
    out.crop = "centre";
    out.resize_to = 0;
  }
  if (kept->height != out.height || kept->width != out.width) {
    log(LogLevel::warning,
        text(name, ": its images are packed at ", kept->width, "x", kept->height, " and are resized to ", out.width,
             "x", out.height, "; pack them at that size, or set size to theirs"));
  }
  return out;
}

}  // namespace

struct ImageSource::State {
  State(const fs::path& path, const ImageOptions& given, const ProgressCallback& progress, const LogSink& log)
      : name(path.string()),
        images(open_image_collection(path, log)),
        options(resolved(given, *images, name, log)),
        guessed_grey(given.colour == "auto" && options.colour == "grey"),
        preparation(preparation_of(options, *images, log, name)),
        convert(options.convert),
        skip(options.on_error == "skip"),
        log(log),
        teller(name, preparation.decoding().range, options.tell ? log : LogSink()) {
    require(skip || options.on_error == "fail", "on_error: got \"", options.on_error, "\" (allowed: fail, skip)");
    require(options.cache_mb >= 0, "cache_mb: must be 0 or more MiB, got ", options.cache_mb);
    if (given.range != "full") remarks.range = options.range;
    if (guessed_grey) {
      log(LogLevel::info,
          text(name, ": its images are grey, so items have one channel (colour = \"rgb\" gives three)"));
    }
    const auto kept = images->pixel_size();
    direct = kept && preparation.keeps(kept->height, kept->width);
    const int64_t count = images->size();
    const bool fits = !direct && options.bits == 8 &&
                      checked_multiply(count, preparation.item_bytes(), name) >> 20 < options.cache_mb;
    if (direct || (!fits && !skip)) return;

    std::vector<io::ImageNotes> notes;
    auto faults = decode_all(fits, progress, notes);
    if (guessed_grey &&
        std::any_of(notes.begin(), notes.end(), [](const auto& found) { return found.colour_dropped; })) {
      log(LogLevel::info, text(name, ": some of its images have colour after all, so items have three channels"));
      guessed_grey = false;
      options.colour = "rgb";
      preparation = Preparation(preparation_of(options, *images, log, name));
      faults = decode_all(fits, progress, notes);
    }
    const int64_t bad = count_faults(faults);
    if (options.bits == 16) {  // looked through in 8 bits, and given with all 16: see load_floats
      for (auto& found : notes) {
        if (found.conversion == io::Conversion::sixteen_bit) found.conversion = io::Conversion::none;
      }
    }
    remarks.converted = conversion_lines(faults, notes);
    if (bad > 0 && !skip) refuse_set(name, faults, remarks.converted, kFix);
    if (bad == count) refuse_set(name, faults, {}, "none is left");
    teller.tell(notes, /*whole=*/true);
    drop(faults);
    if (!fits) return;
    // From here on the names alone are needed: the compressed bytes of an archive may be many.
    for (int64_t i = 0; i < pixels.size(0); ++i) names.add(images->name(image_of(i)));
    images.reset();
  }

  /// Decodes every image, and keeps them where that is asked for.
  std::vector<std::string> decode_all(bool keep, const ProgressCallback& progress, std::vector<io::ImageNotes>& notes) {
    const int64_t count = images->size();
    pixels =
        keep ? torch::empty({count, preparation.height(), preparation.width(), preparation.channels()}, torch::kUInt8)
             : torch::Tensor();
    notes.assign(static_cast<size_t>(count), {});
    return try_all(progress, notes);
  }

  int64_t size() const {
    if (pixels.defined()) return pixels.size(0);
    return rows.empty() ? images->size() : static_cast<int64_t>(rows.size());
  }

  void load(int64_t image, uint8_t* to, io::ImageNotes& notes) const {
    std::string buffer;
    prepare_image(*images, image, images->bytes(image, buffer), convert, &preparation, to, notes);
  }

  /// The same as floats in [-1, 1], in which 16-bit images keep their precision.
  void load_floats(int64_t index, float* to, io::ImageNotes& notes) const {
    std::string buffer;
    const int64_t values = preparation.item_bytes();
    auto decoding = preparation.decoding();
    decoding.keep_sixteen_bits = true;
    const auto image = images->decode(index, images->bytes(index, buffer), decoding, notes);
    check_conversion(*images, index, convert, notes);
    try {
      if (image.scalar_type() == torch::kUInt16) {
        preparation.write_floats(image, to, &notes);
        notes.conversion = io::Conversion::none;  // it keeps its bits
      } else {
        std::vector<uint8_t> rounded(static_cast<size_t>(values));
        preparation.write(image, rounded.data(), &notes);
        std::copy(rounded.begin(), rounded.end(), to);
      }
    } catch (const Error& error) {
      throw Error(text(images->where(index), ": ", error.what()));
    }
    for (int64_t i = 0; i < values; ++i) to[i] = to[i] / 127.5f - 1;
  }

  /// The pixels of a packed set as they are, or their luma.
  void copy_direct(int64_t image, uint8_t* to, std::vector<uint8_t>& scratch) const {
    if (preparation.channels() == 3) return images->copy_pixels(image, to);
    const int64_t count = preparation.height() * preparation.width();
    scratch.resize(static_cast<size_t>(3 * count));
    images->copy_pixels(image, scratch.data());
    io::ImageNotes notes;
    notes.colour_dropped = io::to_luma(scratch.data(), to, count);
    refuse_colour(image, notes);
  }

  /// @throws Error for an image that shows that a guess was wrong.
  void refuse_colour(int64_t image, const io::ImageNotes& notes) const {
    if (!guessed_grey || !notes.colour_dropped) return;
    throw Error(text(
        images->where(image),
        ": has colour, but the set was taken for grey by a sample of its images; set colour = \"rgb\" for this side, ",
        "or \"grey\" to take the luma of all"));
  }

  /// Decodes every image, into `pixels` where there are such; gives the faults, and fills `notes`.
  std::vector<std::string> try_all(const ProgressCallback& progress, std::vector<io::ImageNotes>& notes) const {
    const int64_t count = images->size(), item = preparation.item_bytes();
    std::vector<std::string> faults(static_cast<size_t>(count));
    uint8_t* all = pixels.defined() ? pixels.data_ptr<uint8_t>() : nullptr;
    std::mutex guard;
    int64_t done = 0;
    for_each_parallel(count, [&] {
      return [&, scratch = std::vector<uint8_t>(all ? 0 : static_cast<size_t>(item))](int64_t i) mutable {
        try {
          load(i, all ? all + i * item : scratch.data(), notes[static_cast<size_t>(i)]);
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

  /// A line for each image that can be used after a conversion; of those that cannot be used nothing is noted.
  std::vector<std::string> conversion_lines(const std::vector<std::string>& faults,
                                            std::vector<io::ImageNotes>& notes) const {
    std::vector<std::string> out;
    for (size_t i = 0; i < faults.size(); ++i) {
      if (!faults[i].empty()) notes[i] = {};
      if (notes[i].conversion == io::Conversion::none) continue;
      out.push_back(text(images->where(static_cast<int64_t>(i)), ": is ", io::conversion_name(notes[i].conversion)));
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
    for (size_t i = 0; i < rows.size(); ++i)
      std::copy_n(all + rows[i] * item, item, all + static_cast<int64_t>(i) * item);
    pixels = pixels.narrow(0, 0, static_cast<int64_t>(rows.size()));
  }

  /// One image cannot be used and the user wants to know of all that cannot.
  [[noreturn]] void refuse_all(const std::string& first) const {
    const std::lock_guard lock(refusal_guard);  // loader threads may come here together
    if (refusal.empty()) {
      log(LogLevel::warning, text(first, "; looking for others that cannot be used"));
      std::vector<io::ImageNotes> notes(static_cast<size_t>(images->size()));
      // In a thread that may start others: this one may be a loader's.
      const auto faults = std::async(std::launch::async, [&] { return try_all({}, notes); }).get();
      if (count_faults(faults) == 0) throw Error(first);  // it is well by now, or the disk was not
      try {
        refuse_set(name, faults, conversion_lines(faults, notes), kFix);
      } catch (const SystemError&) {
        throw;
      } catch (const Error& error) {
        refusal = error.what();
      }
    }
    throw Error(refusal);
  }

  int64_t image_of(int64_t item) const { return rows.empty() ? item : rows[static_cast<size_t>(item)]; }

  static constexpr const char* kFix =
      "mend or remove them, or leave them out (on_error = \"skip\" in the recipe, --on-error skip of a command)";

  std::string name;
  std::shared_ptr<const ImageCollection> images;
  ImageOptions options;  ///< without "auto"
  bool guessed_grey;     ///< by "auto": an image with colour contradicts it
  Preparation preparation;
  bool convert, skip, direct = false;
  torch::Tensor pixels;       ///< uint8 [N, H, W, C], or undefined when the set is not cached
  std::vector<int64_t> rows;  ///< the images that are items; empty: all
  OpenReport remarks;
  NameList names;  ///< of the items, where they are cached
  LogSink log;
  mutable NoteTeller teller;
  mutable std::mutex refusal_guard;
  mutable std::string refusal;
};

ImageSource::ImageSource(const fs::path& path, const ImageOptions& options, const ProgressCallback& progress,
                         const LogSink& log)
    : state_(std::make_unique<State>(path, options, progress, log)) {}
ImageSource::~ImageSource() = default;

std::string ImageSource::name() const { return state_->name; }
std::vector<int64_t> ImageSource::item_shape() const {
  return {state_->preparation.channels(), state_->preparation.height(), state_->preparation.width()};
}
int64_t ImageSource::size() const { return state_->size(); }
Source::OpenReport ImageSource::open_report() const {
  auto out = state_->remarks;
  out.noticed = state_->teller.lines();
  return out;
}

int ImageSource::sample_bits(int64_t index) const {
  check({index});
  if (state_->pixels.defined() || state_->images->pixel_size()) return 8;
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
  } catch (const SystemError&) {
    throw;
  } catch (const Error& error) {
    if (s.skip) throw;  // it was well when the set was opened
    s.refuse_all(error.what());
  }
  for (size_t i = 0; i < notes.size(); ++i) s.refuse_colour(s.image_of(indices[i]), notes[i]);
  bool whole = count == size();
  for (int64_t i = 0; whole && i < count; ++i) whole = indices[static_cast<size_t>(i)] == i;
  s.teller.tell(notes, whole);
  return as_channels_first(values);
}

torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options) {
  const Preparation preparation(options.preparation());
  auto out = torch::empty({options.size, options.size, preparation.channels()}, torch::kUInt8);
  preparation.write(image_HWC.contiguous(), out.data_ptr<uint8_t>());
  return out.permute({2, 0, 1});
}

}  // namespace monge::data
