#include "monge/data/image_source_state.h"

#include <algorithm>
#include <future>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/image_survey.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

int64_t count_faults(const std::vector<std::string>& faults) {
  return std::count_if(faults.begin(), faults.end(), [](const std::string& fault) { return !fault.empty(); });
}

/// @param converted  is named as well, because a user who repairs a set wants to know all that is unusual in it.
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
  throw InputError(text(name, ": ", faults.size(), " of ", all, " images cannot be used; ", fix,
                        listed(faults, faults.size(), kMost), odd));
}

/// The options with "auto" replaced by what the images are.
ImageOptions resolved(ImageOptions options, const ImageCollection& images, const std::string& name,
                      const LogSink& log) {
  if (options.colour_choice() == ColourChoice::automatic) {
    options.colour = colour_names().name(!options.grey && looks_grey(images) ? ColourChoice::grey : ColourChoice::rgb);
  }
  if (range_choice(options.range) == RangeChoice::automatic) {
    std::vector<int64_t> all(static_cast<size_t>(images.size()));
    std::iota(all.begin(), all.end(), 0);
    options.range = measured_range(images, all, name, log);
  }
  return options;
}

/// The preparation of the images. The pixels of a packed set were cropped when they were packed.
PreparationOptions preparation_of(const ImageOptions& options, const ImageCollection& images, const LogSink& log,
                                  const std::string& name) {
  auto out = options.preparation();
  const auto kept = images.pixel_size();
  if (!kept) return out;
  if (out.resize_to != 0 || !Crop(out.crop).is_centre()) {
    log(LogLevel::info, text(name, ": is a packed set, whose images are already cropped, so crop = \"", out.crop,
                             "\" and resize_to = ", out.resize_to, " are ignored"));
    out.crop = "centre";
    out.resize_to = 0;
  }
  if (kept->height != out.height || kept->width != out.width) {
    log(LogLevel::warning,
        text(name, ": its images are packed at ", kept->width, "x", kept->height, " and are resized to ", out.width,
             "x", out.height, "; pack them at that size, or set size to the packed size"));
  }
  return out;
}

}  // namespace

ImageSource::State::State(const fs::path& path, const ImageOptions& given, const ProgressCallback& progress,
                          const LogSink& log)
    : name(path.string()),
      images(open_image_collection(path, log)),
      options(resolved(given, *images, name, log)),
      guessed_grey(given.colour_choice() == ColourChoice::automatic && options.colour_choice() == ColourChoice::grey),
      preparation(preparation_of(options, *images, log, name)),
      convert(options.convert),
      skip(options.when_unusable() == OnError::skip),
      log(log),
      notes(name, preparation.decoding().range, options.log_notes ? log : LogSink()) {
  require(options.cache_mb >= 0, "cache_mb: must be 0 or more MiB, got ", options.cache_mb);
  if (range_choice(given.range) != RangeChoice::full) report.range = options.range;
  if (guessed_grey) {
    log(LogLevel::info, text(name, ": its images are grey, so items have one channel; set colour = \"rgb\" for three"));
  }
  const auto kept = images->pixel_size();
  direct = kept && preparation.keeps(kept->height, kept->width);
  const bool fits = !direct && options.bits == 8 &&
                    checked_multiply(images->size(), preparation.item_bytes(), name) >> 20 < options.cache_mb;
  if (!direct && (fits || skip)) decode_now(fits, progress);
}

/// Decodes every image once, to find all that cannot be used.
void ImageSource::State::decode_now(bool keep, const ProgressCallback& progress) {
  std::vector<io::ImageNotes> found;
  auto faults = decode_all(keep, progress, found);
  if (guessed_grey && std::any_of(found.begin(), found.end(), [](const auto& note) { return note.colour_dropped; })) {
    log(LogLevel::info, text(name, ": some of its images have colour after all, so items have three channels"));
    guessed_grey = false;
    options.colour = colour_names().name(ColourChoice::rgb);
    preparation = Preparation(preparation_of(options, *images, log, name));
    faults = decode_all(keep, progress, found);
  }
  const int64_t bad = count_faults(faults);
  if (options.bits == 16) {  // decoded here in 8 bits, but used with all 16: see load_floats
    for (auto& note : found) {
      if (note.conversion == io::Conversion::sixteen_bit) note.conversion = io::Conversion::none;
    }
  }
  report.converted = conversion_lines(faults, found);
  if (bad > 0 && !skip) refuse_set(name, faults, report.converted, unusable_images_fix());
  if (bad == images->size()) refuse_set(name, faults, {}, "none is left");
  notes.add(found, /*whole=*/true);
  drop(faults);
  if (!keep) return;
  // From here on only the names are needed. The compressed bytes of an archive, which may be many, are released.
  for (int64_t i = 0; i < pixels.size(0); ++i) names.add(images->name(image_of(i)));
  images.reset();
}

/// Decodes every image, and keeps the pixels if `keep` is set.
std::vector<std::string> ImageSource::State::decode_all(bool keep, const ProgressCallback& progress,
                                                        std::vector<io::ImageNotes>& found) {
  const int64_t count = images->size();
  pixels = keep
               ? torch::empty({count, preparation.height(), preparation.width(), preparation.channels()}, torch::kUInt8)
               : torch::Tensor();
  found.assign(static_cast<size_t>(count), {});
  return try_all(progress, found);
}

int64_t ImageSource::State::size() const {
  if (pixels.defined()) return pixels.size(0);
  return rows.empty() ? images->size() : static_cast<int64_t>(rows.size());
}

void ImageSource::State::load(int64_t image, uint8_t* to, io::ImageNotes& notes) const {
  const io::DecodingMemory memory;  // until the image is prepared
  std::string buffer;
  prepare_image(*images, image, images->bytes(image, buffer), convert, &preparation, to, notes);
}

void ImageSource::State::load_floats(int64_t image, float* to, io::ImageNotes& notes) const {
  const io::DecodingMemory memory;
  std::string buffer;
  const int64_t values = preparation.item_bytes();
  auto decoding = preparation.decoding();
  decoding.keep_sixteen_bits = true;
  const auto decoded = images->decode(image, images->bytes(image, buffer), decoding, notes);
  check_conversion(*images, image, convert, notes);
  try {
    if (decoded.scalar_type() == torch::kUInt16) {
      preparation.write_floats(decoded, to, &notes);
      notes.conversion = io::Conversion::none;  // all its bits are kept
    } else {
      std::vector<uint8_t> rounded(static_cast<size_t>(values));
      preparation.write(decoded, rounded.data(), &notes);
      std::copy(rounded.begin(), rounded.end(), to);
    }
  } catch (const InputError& error) {
    throw InputError(text(images->where(image), ": ", error.what()));
  }
  for (int64_t i = 0; i < values; ++i) to[i] = to[i] / 127.5f - 1;
}

void ImageSource::State::copy_direct(int64_t image, uint8_t* to, std::vector<uint8_t>& scratch) const {
  if (preparation.channels() == 3) return images->copy_pixels(image, to);
  const int64_t count = preparation.height() * preparation.width();
  scratch.resize(static_cast<size_t>(3 * count));
  images->copy_pixels(image, scratch.data());
  io::ImageNotes notes;
  notes.colour_dropped = io::to_luma(scratch.data(), to, count);
  refuse_colour(image, notes);
}

void ImageSource::State::refuse_colour(int64_t image, const io::ImageNotes& notes) const {
  if (!guessed_grey || !notes.colour_dropped) return;
  throw InputError(text(
      images->where(image),
      ": has colour, but the set was opened as grey, because a sample of its images is grey; set colour = \"rgb\" for "
      "this side, or \"grey\" to use the luma of all images"));
}

/// Decodes every image, into `pixels` if it is defined. Returns the faults and fills `found`.
std::vector<std::string> ImageSource::State::try_all(const ProgressCallback& progress,
                                                     std::vector<io::ImageNotes>& found) const {
  const int64_t count = images->size(), item = preparation.item_bytes();
  std::vector<std::string> faults(static_cast<size_t>(count));
  uint8_t* all = pixels.defined() ? pixels.data_ptr<uint8_t>() : nullptr;
  std::mutex guard;
  int64_t done = 0;
  for_each_parallel(count, [&] {
    return [&, scratch = std::vector<uint8_t>(all ? 0 : static_cast<size_t>(item))](int64_t i) mutable {
      try {
        load(i, all ? all + i * item : scratch.data(), found[static_cast<size_t>(i)]);
      } catch (const InputError& error) {
        faults[static_cast<size_t>(i)] = error.what();
      }
      if (!progress) return;
      const std::lock_guard lock(guard);
      progress(++done, count);
    };
  });
  return faults;
}

/// One line for each image that can be used after a conversion. Clears the notes of images that cannot be used.
std::vector<std::string> ImageSource::State::conversion_lines(const std::vector<std::string>& faults,
                                                              std::vector<io::ImageNotes>& found) const {
  std::vector<std::string> out;
  for (size_t i = 0; i < faults.size(); ++i) {
    if (!faults[i].empty()) found[i] = {};
    if (found[i].conversion == io::Conversion::none) continue;
    out.push_back(text(images->where(static_cast<int64_t>(i)), ": is ", io::conversion_name(found[i].conversion)));
  }
  return out;
}

void ImageSource::State::drop(const std::vector<std::string>& faults) {
  for (const auto& fault : faults) {
    if (!fault.empty()) report.left_out.push_back(fault);
  }
  if (report.left_out.empty()) return;
  for (size_t i = 0; i < faults.size(); ++i) {
    if (faults[i].empty()) rows.push_back(static_cast<int64_t>(i));
  }
  if (!pixels.defined()) return;
  // In place, because a copy of the set may not fit in memory beside it.
  const int64_t item = preparation.item_bytes();
  uint8_t* all = pixels.data_ptr<uint8_t>();
  for (size_t i = 0; i < rows.size(); ++i)
    std::copy_n(all + rows[i] * item, item, all + static_cast<int64_t>(i) * item);
  pixels = pixels.narrow(0, 0, static_cast<int64_t>(rows.size()));
}

void ImageSource::State::refuse_all(const std::string& first) const {
  const std::lock_guard lock(refusal_guard);  // loader threads may come here together
  if (refusal.empty()) {
    log(LogLevel::warning, text(first, "; searching for other images that cannot be used"));
    std::vector<io::ImageNotes> found(static_cast<size_t>(images->size()));
    // In a new thread, which may start others; the current one may be a loader's.
    const auto faults = std::async(std::launch::async, [&] { return try_all({}, found); }).get();
    if (count_faults(faults) == 0) throw InputError(first);  // a passing fault, perhaps of the disk
    try {
      refuse_set(name, faults, conversion_lines(faults, found), unusable_images_fix());
    } catch (const InputError& error) {
      refusal = error.what();
    }
  }
  throw InputError(refusal);
}

}  // namespace monge::data
