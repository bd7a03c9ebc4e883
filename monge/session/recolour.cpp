#include "monge/session/recolour.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>

#include "monge/core/error.h"
#include "monge/core/file_identity.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/random.h"
#include "monge/data/image_collection.h"
#include "monge/data/parallel.h"
#include "monge/io/image.h"
#include "monge/run/output_writer.h"
#include "monge/session/colour_table.h"
#include "monge/session/pixel_sample.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPlanPixels = 2048;   // an exact plan of them takes 0.6 seconds
constexpr int64_t kSampledImages = 64;  // of a folder

using RecolourClock = std::chrono::steady_clock;

torch::Tensor decode_photograph(const data::ImageCollection& images, int64_t i, io::ImageNotes& notes) {
  return images.decode(i, notes, {.keep_sixteen_bits = true});
}

/// The images of one side. A single one stays decoded.
struct Photographs {
  std::string path;
  run::DataKind kind = run::DataKind::image;
  std::shared_ptr<const data::ImageCollection> images;
  torch::Tensor only = {};
  io::NoteCounts notes = {};
};

/// Image i as it is decoded, uint8 or uint16 [H, W, C].
torch::Tensor photograph(const Photographs& from, int64_t i, io::ImageNotes& notes) {
  return from.only.defined() ? from.only : decode_photograph(*from.images, i, notes);
}

Photographs open_photographs(const std::string& path, const LogSink& log) {
  require(data::images_exist(path), path, ": no such file or folder");
  Photographs out{.path = path, .kind = run::kind_of(path), .images = data::open_image_collection(path, log)};
  if (out.images->size() == 1) {
    io::ImageNotes notes;
    out.only = decode_photograph(*out.images, 0, notes);
    out.notes.add(notes);
  }
  return out;
}

bool is_grey(const torch::Tensor& x_N3) { return torch::equal(x_N3.amax(1), x_N3.amin(1)); }

/// Adds samples of one image to the set. @param part, parts  it gives the part-th of so many equal parts of the
/// samples.
void add_pixels(PixelSet& set, const torch::Tensor& image, int64_t part, int64_t parts, const RandomStreams& streams,
                const std::string& purpose) {
  const auto add = [&](torch::Tensor& to, int64_t total, const char* use) {
    const int64_t count = total * (part + 1) / parts - total * part / parts;
    const auto more = sample_pixels(image, count, streams.at(purpose + use, part));
    to = to.defined() ? torch::cat({to, more}) : more;
  };
  add(set.fit, kFitPlans * kPlanPixels, " fit");
  add(set.held_a, kPlanPixels, " held out a");
  add(set.held_b, kPlanPixels, " held out b");
}

/// @throws InputError where all pixels are transparent.
PixelSet checked_set(PixelSet set, const std::string& name) {
  require(set.fit.size(0) > 0 && set.held_a.size(0) > 0 && set.held_b.size(0) > 0, name,
          ": every pixel is transparent, so there are no colours to learn from");
  set.fit = set.fit.narrow(0, 0, set.fit.size(0) / kFitPlans * kFitPlans);  // transparent images give no colours
  set.grey = is_grey(set.fit);
  return set;
}

PixelSet sample_photographs(Photographs& from, const RandomStreams& streams, const std::string& purpose,
                            const Hooks& hooks) {
  PixelSet out;
  const int64_t count = from.images->size(), sampled = std::min(count, kSampledImages);
  const auto report = hooks.progress_of("reading colours");
  for (int64_t k = 0; k < sampled && !hooks.stop_flag(); ++k) {
    io::ImageNotes notes;
    add_pixels(out, photograph(from, k * count / sampled, notes), k, sampled, streams, purpose);
    if (report && sampled > 1) report(k + 1, sampled);
  }
  if (hooks.stop_flag()) return {};
  return checked_set(std::move(out), from.path);
}

bool is_jpeg(const fs::path& name) {
  const auto extension = lower_extension(name);
  return io::has_image_extension(name) && extension.starts_with(".j");
}

/// The files that one direction writes, in the order of the images.
std::vector<fs::path> output_files(const Photographs& photos, const fs::path& out) {
  if (photos.kind == run::DataKind::image) return {out};
  run::OutputNames names;
  std::vector<fs::path> files;
  for (int64_t i = 0; i < photos.images->size(); ++i) files.push_back(out / names.take(photos.images->name(i), 0, 1));
  return files;
}

/// Whether `path` is `folder` or lies in it.
bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto inner = fs::weakly_canonical(path), outer = fs::weakly_canonical(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// Checks where a direction writes. @return the number of existing files that it will replace.
int64_t check_outputs(const Photographs& photos, const fs::path& out, const std::vector<const Photographs*>& inputs) {
  for (const auto* input : inputs) run::check_output(photos.kind, input->path, out);
  for (const auto* input : inputs) {
    if (input->kind != run::DataKind::folder) continue;
    require(!is_inside(out, input->path), out.string(), ": lies in ", input->path,
            ", which is read; choose another OUT");
  }
  if (photos.only.defined() && photos.kind == run::DataKind::image && is_jpeg(out) && has_transparency(photos.only)) {
    throw InputError({.what = text("JPEG has no transparency, and ", photos.path, " has transparent pixels"),
                      .where = "OUT",
                      .value = out.string(),
                      .allowed = "a .png, .webp or .tif file"});
  }
  std::map<FileIdentity, std::string> existing;
  for (const auto& file : output_files(photos, out)) {
    if (const auto id = file_identity(file)) existing.emplace(*id, file.string());
  }
  for (const auto* input : inputs) {
    for (int64_t i = 0; !existing.empty() && i < input->images->size(); ++i) {
      const auto id = file_identity(input->images->where(i));
      const auto found = id ? existing.find(*id) : existing.end();
      require(found == existing.end(), id ? found->second : "", ": an output would overwrite this file, which is read",
              "; nothing was written; choose another OUT");
    }
  }
  return static_cast<int64_t>(existing.size());
}

/// Makes the folder of the outputs, so that one that cannot be written to is found before the fit.
void make_output_folder(const Photographs& photos, const fs::path& out) {
  const auto folder = photos.kind == run::DataKind::image ? out.parent_path() : out;
  make_writable_folder(folder.empty() ? "." : folder);
}

/// Writes all images of one side. Stops between two images. @return the number of images written.
int64_t write_recoloured(Photographs& photos, const ColourTable& table, double strength, const fs::path& out,
                         const Hooks& hooks) {
  const auto files = output_files(photos, out);
  const auto count = static_cast<int64_t>(files.size());
  const int64_t threads = at::get_num_threads();
  const auto report = hooks.progress_of("writing images");
  std::mutex guard;
  int64_t done = 0;
  const auto write = [&](int64_t i) {
    if (hooks.stop_flag()) return;
    const auto& file = files[static_cast<size_t>(i)];
    io::ImageNotes notes;
    auto image = photograph(photos, i, notes);
    if (image.size(2) % 2 == 0 && !has_transparency(image)) image = image.narrow(2, 0, image.size(2) - 1);
    const bool sixteen = image.scalar_type() == torch::kUInt16 && io::holds_sixteen_bits(file);
    if (file.has_parent_path()) make_writable_folder(file.parent_path());
    io::write_image(file, table.apply(image, strength, sixteen, count > 1 ? 1 : threads));
    const std::lock_guard lock(guard);
    if (!photos.only.defined()) photos.notes.add(notes);
    ++done;
    if (report) report(done, count);
  };
  data::for_each_parallel(count, [&] { return write; }, threads);
  return done;
}

void report_notes(const Photographs& photos, const LogSink& log) {
  for (const auto& line : io::note_lines(photos.notes)) log(LogLevel::info, text(photos.path, ": ", line));
}

/// The colours of both sides, `pixels` of the photo and `style` of the style, and the map from one to the other.
struct Direction {
  Photographs* photos;
  const Photographs* style;
  const PixelSet* pixels;
  const PixelSet* style_pixels;
  fs::path out;
  int64_t replaced = 0;
};

/// @return nothing when the job was stopped.
std::optional<Recoloured> run_direction(const Direction& direction, const RecolourOptions& options,
                                        const Compute& compute, const Hooks& hooks) {
  const auto learned = learn_colour_map(*direction.pixels, *direction.style_pixels, options.map, compute, hooks);
  const auto& photos = *direction.photos;
  const int64_t count = photos.images->size();
  const auto stopped = [&](int64_t done) {
    hooks.log(LogLevel::warning,
              text("stopped; ", done == 0 ? "nothing was" : text(done, " of ", count, " images were"), " written to ",
                   direction.out.string()));
    return std::nullopt;
  };
  if (!learned.complete || hooks.stop_flag()) return stopped(0);
  const ColourTable table(learned.map);
  const int64_t done = write_recoloured(*direction.photos, table, options.strength, direction.out, hooks);
  if (done < count) return stopped(done);
  return Recoloured{.photo = photos.path,
                    .style = direction.style->path,
                    .out = direction.out,
                    .images = count,
                    .replaced = direction.replaced,
                    .score = learned.score,
                    .training_seconds = learned.training_seconds};
}

void check_strength(double strength) {
  require(strength >= 0 && strength <= 1, "--strength ", strength, ": allowed is 0 to 1");
}

void check_image(const torch::Tensor& image, const char* name) {
  const bool fits = image.dim() == 3 && image.numel() > 0 && image.size(2) <= 4 &&
                    (image.scalar_type() == torch::kUInt8 || image.scalar_type() == torch::kUInt16);
  if (fits) return;
  throw InputError({.what = "images must be pixels",
                    .where = name,
                    .value = text(image.sizes(), " ", image.scalar_type()),
                    .allowed = "uint8 or uint16 [H, W, C] with C = 1 to 4"});
}

}  // namespace

fs::path reverse_path(const fs::path& out, const std::string& style) {
  if (run::kind_of(style) != run::DataKind::image) {
    constexpr std::string_view kSuffix = "-reverse";
    const auto name = out.stem().string();
    return out.parent_path() / text(shortened(name, kLongestFileName - kSuffix.size()), kSuffix);
  }
  return with_suffix(io::has_image_extension(out) ? out : fs::path(out.string() + fs::path(style).extension().string()),
                     "-reverse");
}

RecolourResult recolour(const std::string& photo, const std::string& style, const std::string& out,
                        const RecolourOptions& options, const Compute& compute, const Hooks& hooks) {
  auto began = RecolourClock::now();
  check_strength(options.strength);
  set_threads(compute);
  auto photos = open_photographs(photo, hooks.log), styles = open_photographs(style, hooks.log);
  require(photos.kind == run::DataKind::image || photos.kind == run::DataKind::folder, photo,
          ": PHOTO must be an image or a folder of images; unpack it first");
  if (styles.kind != run::DataKind::image) styles.kind = run::DataKind::folder;
  require_usable_name(out, "OUT");
  const auto reverse = reverse_path(out, style);
  const std::vector<const Photographs*> inputs{&photos, &styles};
  const int64_t replaced = check_outputs(photos, out, inputs);
  const int64_t replaced_back = options.both ? check_outputs(styles, reverse, inputs) : 0;
  make_output_folder(photos, out);
  if (options.both) make_output_folder(styles, reverse);

  RecolourResult result;
  const RandomStreams streams(static_cast<uint64_t>(options.map.seed));
  const auto pixels = sample_photographs(photos, streams, "recolour photo", hooks);
  const auto style_pixels = sample_photographs(styles, streams, "recolour style", hooks);
  if (hooks.stop_flag()) {
    hooks.log(LogLevel::warning, text("stopped; nothing was written to ", out));
    return result;
  }
  std::vector<Direction> directions{{.photos = &photos,
                                     .style = &styles,
                                     .pixels = &pixels,
                                     .style_pixels = &style_pixels,
                                     .out = out,
                                     .replaced = replaced}};
  if (options.both) {
    directions.push_back({.photos = &styles,
                          .style = &photos,
                          .pixels = &style_pixels,
                          .style_pixels = &pixels,
                          .out = reverse,
                          .replaced = replaced_back});
  }
  for (const auto& direction : directions) {
    auto done = run_direction(direction, options, compute, hooks);
    if (!done) return result;
    const auto now = RecolourClock::now();
    done->seconds = std::chrono::duration<double>(now - began).count();
    began = now;
    result.maps.push_back(std::move(*done));
  }
  report_notes(photos, hooks.log);
  if (options.both) report_notes(styles, hooks.log);
  result.complete = true;
  return result;
}

torch::Tensor recolour(const torch::Tensor& photo, const torch::Tensor& style, const RecolourOptions& options,
                       const Compute& compute, const Hooks& hooks, ColourScore* score) {
  check_image(photo, "photo");
  check_image(style, "style");
  check_strength(options.strength);
  const RandomStreams streams(static_cast<uint64_t>(options.map.seed));
  PixelSet pixels, style_pixels;
  add_pixels(pixels, photo, 0, 1, streams, "recolour photo");
  add_pixels(style_pixels, style, 0, 1, streams, "recolour style");
  const auto learned =
      learn_colour_map(checked_set(pixels, "photo"), checked_set(style_pixels, "style"), options.map, compute, hooks);
  if (!learned.complete) return {};
  if (score) *score = learned.score;
  return ColourTable(learned.map).apply(photo, options.strength, photo.scalar_type() == torch::kUInt16);
}

}  // namespace monge::session
