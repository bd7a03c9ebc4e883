#include "monge/run/step_writer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/data/array_path.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;

/// The extension of the tables that hold the steps of `in`: its own if it can be written, else text, which keeps the
/// names of columns.
std::string step_table_extension(const fs::path& in) {
  const auto extension = lower_extension(in);
  if (extension == ".npy" || extension == ".npz") return ".npy";
  if (!is_text_table(in)) return ".csv";
  return extension == ".gz" ? lower_extension(in.stem()) + extension : extension;
}

/// Whether `out` is a folder, or could become one: an extension by which a user means a file names none.
bool names_a_folder(const fs::path& out) {
  std::error_code ignored;
  if (fs::exists(out, ignored)) return fs::is_directory(out, ignored);
  static constexpr std::array<std::string_view, 13> kFiles = {
      ".npy", ".npz", ".txt", ".parquet", ".h5ad", ".gif", ".apng", ".avif", ".mp4", ".webm", ".avi", ".mov", ".mkv"};
  return !io::has_image_extension(out) && !io::has_archive_extension(out) && !is_text_table(out) &&
         std::find(kFiles.begin(), kFiles.end(), lower_extension(out)) == kFiles.end();
}

/// The name of a step of one image inside its folder, before the number of the sample.
std::string step_image(const StepPlace& place, const std::string& item, int64_t step) {
  const auto extension = io::has_image_extension(item) ? fs::path(item).extension().string() : std::string(".png");
  return step_name(step, place.steps) + extension;
}

std::string step_item(const StepPlace& place, const std::string& item, int64_t step) {
  return step_name(step, place.steps) + '/' + item;
}

fs::path step_table(const StepPlace& place, int64_t step) {
  return place.out / (step_name(step, place.steps) + place.table_extension);
}

/// A place in a copy of the .h5ad file `in`.
StepPlace cells_place(const CellsOutput& cells, const fs::path& in, int64_t steps) {
  const auto& out = cells.file;
  std::error_code ignored;
  require(!fs::equivalent(in, out, ignored), out.string(), ": is the input itself; choose another OUT");
  require(!fs::is_directory(out, ignored), out.string(), ": is a folder, but a file is expected; choose another OUT");
  if (data::array_extension(in) != ".h5ad") {
    throw InputError({.what = "a .h5ad file is written only for the cells of another one, whose parts it keeps",
                      .where = "OUT",
                      .value = out.string(),
                      .allowed = "a .npy, .csv, .tsv, .csv.gz or .tsv.gz file"});
  }
  return {.kind = DataKind::table, .out = out, .steps = steps, .layout = StepLayout::cells, .cells = cells};
}

}  // namespace

StepPlace step_place(DataKind kind, const fs::path& in, const fs::path& out, int64_t steps) {
  if (kind == DataKind::table) {
    if (const auto cells = cells_output(out.string())) return cells_place(*cells, in, steps);
  }
  StepPlace place{.kind = kind, .out = out, .steps = steps};
  if (steps == 1 || kind == DataKind::folder || kind == DataKind::archive) {
    check_output(kind, in, out);
    if (steps > 1) place.layout = StepLayout::folders;
    return place;
  }
  std::error_code ignored;
  require(!fs::equivalent(in, out, ignored), out.string(), ": is the input itself; choose another OUT");
  const auto extension = lower_extension(out);
  if (names_a_folder(out)) {
    place.layout = kind == DataKind::image ? StepLayout::images : StepLayout::tables;
    place.table_extension = step_table_extension(in);
  } else if (kind == DataKind::image) {
    if (extension != ".webp") {
      throw InputError({.what = "one file holds the steps of an image only as an animated WebP",
                        .where = "OUT",
                        .value = out.string(),
                        .allowed = "a .webp file, or a folder for one image per step"});
    }
    place.layout = StepLayout::animation;
  } else {
    if (extension != ".npy") {
      throw InputError({.what = "one file holds the steps of a table only as an array",
                        .where = "OUT",
                        .value = out.string(),
                        .allowed = text("a .npy file, or a folder for one ", step_table_extension(in), " per step")});
    }
    place.layout = StepLayout::array;
  }
  return place;
}

std::string step_name(int64_t step, int64_t steps) {
  const auto digits = std::to_string(steps).size();
  auto number = std::to_string(step + 1);
  number.insert(0, digits - std::min(digits, number.size()), '0');
  return "step_" + number;
}

int64_t frame_milliseconds(int64_t step, int64_t steps) {
  constexpr int64_t kMotion = 2000, kMost = 500, kEnd = 1000;
  if (step == 0 || step + 1 == steps) return kEnd;
  return std::clamp<int64_t>(kMotion / (steps - 1), 1, kMost);
}

int64_t check_replaced_steps(const StepPlace& place, const std::vector<fs::path>& in, const data::Source& source,
                             int64_t samples_per_input, const fs::path& grid) {
  if (place.layout == StepLayout::single)
    return check_replaced(place.kind, place.out, in, source, samples_per_input, grid);
  const auto for_each_sample = [&](const fs::path& name, const auto& use) {
    for (int64_t k = 0; k < samples_per_input; ++k) use(output_name(name, k, samples_per_input));
  };
  return check_replaced(
      [&](const std::function<void(const fs::path&)>& use) {
        const bool one_file =
            place.layout == StepLayout::array || place.layout == StepLayout::cells || place.kind == DataKind::archive;
        if (one_file) return use(place.out);
        if (place.layout == StepLayout::animation) return for_each_sample(place.out, use);
        std::error_code failure;
        if (!fs::is_directory(place.out, failure) || fs::is_empty(place.out, failure)) return;
        for (int64_t step = 0; step < place.steps; ++step) {
          if (place.layout == StepLayout::tables) {
            use(step_table(place, step));
            continue;
          }
          if (place.layout == StepLayout::images) {
            for_each_sample(place.out / step_image(place, source.item_name(0), step), use);
            continue;
          }
          OutputNames names;
          for (int64_t i = 0; i < source.size(); ++i) {
            const auto item = step_item(place, source.item_name(i), step);
            for (int64_t k = 0; k < samples_per_input; ++k) use(place.out / names.take(item, k, samples_per_input));
          }
        }
      },
      in, source, grid);
}

StepWriter::StepWriter(StepPlace place, int64_t items, const std::vector<TableFormat>& formats)
    : place_(std::move(place)) {
  const auto format = [&](size_t table) { return table < formats.size() ? formats[table] : TableFormat(); };
  switch (place_.layout) {
    case StepLayout::animation:
      if (place_.out.has_parent_path()) make_writable_folder(place_.out.parent_path());
      break;
    case StepLayout::tables:
      for (int64_t step = 0; step < place_.steps; ++step) {
        writers_.push_back(std::make_unique<OutputWriter>(DataKind::table, step_table(place_, step), items,
                                                          format(static_cast<size_t>(step))));
      }
      break;
    case StepLayout::cells:
      cells_ = std::make_unique<CellsWriter>(place_.cells, place_.cells_format, items, place_.steps);
      break;
    case StepLayout::images:
      writers_.push_back(std::make_unique<OutputWriter>(DataKind::folder, place_.out));
      break;
    default:
      writers_.push_back(std::make_unique<OutputWriter>(place_.kind, place_.out, items, format(0)));
  }
}

void StepWriter::add_image(const std::string& item, int64_t sample, int64_t samples_per_input, int64_t step,
                           const torch::Tensor& image_CHW, const std::optional<io::SampleRange>& sixteen_bits) {
  if (place_.layout == StepLayout::animation) return add_frame(sample, samples_per_input, step, image_CHW);
  const auto name = place_.layout == StepLayout::single   ? item
                    : place_.layout == StepLayout::images ? step_image(place_, item, step)
                                                          : step_item(place_, item, step);
  writers_.front()->add_sample(name, sample, samples_per_input, image_CHW, sixteen_bits);
}

void StepWriter::add_frame(int64_t sample, int64_t samples_per_input, int64_t step, const torch::Tensor& image_CHW) {
  if (step == 0) animation_ = std::make_unique<io::WebpAnimation>();
  animation_->add(io::from_float(image_CHW), frame_milliseconds(step, place_.steps));
  if (step + 1 < place_.steps) return;
  real_files().replace(output_name(place_.out, sample, samples_per_input), animation_->finish());
  animation_.reset();
}

void StepWriter::add_row(const std::vector<torch::Tensor>& steps_KD) {
  require(static_cast<int64_t>(steps_KD.size()) == place_.steps, place_.out.string(), ": a row of ", steps_KD.size(),
          " steps where ", place_.steps, " were announced");
  if (cells_) return cells_->add(steps_KD);
  if (place_.layout == StepLayout::array) return writers_.front()->add({}, torch::stack(steps_KD, 1));
  for (size_t table = 0; table < writers_.size(); ++table) writers_[table]->add({}, steps_KD[table]);
}

void StepWriter::leave_out(const std::string& item, int64_t samples_per_input) {
  if (place_.layout == StepLayout::single) return writers_.front()->leave_out(item, samples_per_input);
  if (place_.layout != StepLayout::folders) return;
  for (int64_t step = 0; step < place_.steps; ++step)
    writers_.front()->leave_out(step_item(place_, item, step), samples_per_input);
}

void StepWriter::finish() {
  if (cells_) cells_->finish();
  for (const auto& writer : writers_) writer->finish();
}

}  // namespace monge::run
