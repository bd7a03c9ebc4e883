// Writes the steps of a displacement interpolation, from the inputs of a map (t = 0) to its outputs (t = 1).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/data/source.h"
#include "monge/io/sample_range.h"
#include "monge/io/webp_animation.h"
#include "monge/run/cells_output.h"
#include "monge/run/cells_writer.h"
#include "monge/run/output_writer.h"
#include "monge/run/table_writer.h"

namespace monge::run {

/// How the steps of a translation are stored.
enum class StepLayout {
  single,     ///< one step, as OutputWriter stores outputs
  folders,    ///< in a folder or an archive: "step_1/smile.jpg", "step_2/smile.jpg", ...
  images,     ///< of one image, in a folder: "step_1.jpg", "step_2.jpg", ...
  animation,  ///< of one image, in an animated WebP
  tables,     ///< of a table, in a folder: "step_1.csv", "step_2.csv", ...
  array,      ///< of a table, in one .npy with an axis of steps: [N, S, ...], or [N, K, S, ...] for K samples
  cells,      ///< of cells, in a copy of their .h5ad file, see CellsWriter
};

/// A place for steps.
struct StepPlace {
  DataKind kind = DataKind::image;  ///< of the input
  std::filesystem::path out = {};
  int64_t steps = 1;
  StepLayout layout = StepLayout::single;
  std::string table_extension = {};  ///< of `tables`: ".npy", ".csv", ".tsv", ".csv.gz" or ".tsv.gz"
  CellsOutput cells = {};            ///< of `cells`, what is added to the file
  CellsFormat cells_format = {};     ///< of `cells`; the caller sets it
};

/// The place for `steps` steps of the outputs for `in`. Their layout follows from the kind of data and from `out`.
/// @param out    may have the parameters of cells_output.
/// @param steps  1: a single step, which may stand wherever check_output allows it.
/// @throws InputError unless `out` can hold the steps; the message names what is allowed: a .webp file or a folder for
///         an image, a folder or a .npy file for a table, also a .h5ad file for one of cells, and a folder or an
///         archive as check_output wants them.
StepPlace step_place(DataKind kind, const std::filesystem::path& in, const std::filesystem::path& out, int64_t steps);

/// The name of a step, such as "step_03" among 12: its number from 1 with leading zeros, so that names sort as steps
/// do.
std::string step_name(int64_t step, int64_t steps);

/// How long a frame of an animation is shown, in milliseconds. The first and the last frame are shown for one second
/// each; the frames between take two seconds together, but each at most half a second.
int64_t frame_milliseconds(int64_t step, int64_t steps);

/// check_replaced for steps.
int64_t check_replaced_steps(const StepPlace& place, const std::vector<std::filesystem::path>& in,
                             const data::Source& source, int64_t samples_per_input,
                             const std::filesystem::path& grid = {});

/// Writes steps item by item. Every file appears whole or not at all; archives and tables appear with finish(), an
/// animation with its last step.
class StepWriter {
 public:
  /// Makes the folders that are needed.
  /// @param items    the number of items that will be added; only a table needs it.
  /// @param formats  the formats of the tables: one per step for StepLayout::tables, else one.
  /// @throws InputError if the folders cannot be made or written to.
  StepWriter(StepPlace place, int64_t items, const std::vector<TableFormat>& formats = {});

  /// Writes one step of one output, [C, H, W] as OutputWriter::add_sample takes it. The steps of an output come one
  /// after the other, from the first one on.
  void add_image(const std::string& item, int64_t sample, int64_t samples_per_input, int64_t step,
                 const torch::Tensor& image_CHW, const std::optional<io::SampleRange>& sixteen_bits = {});

  /// Writes the steps of one row of a table.
  /// @param steps_KD  for each step the outputs of the row, [K, ...].
  void add_row(const std::vector<torch::Tensor>& steps_KD);

  /// Takes the names of an item without writing, see OutputWriter::leave_out.
  void leave_out(const std::string& item, int64_t samples_per_input);

  /// Completes an archive or tables. @throws InputError if a table got another number of items than announced.
  void finish();

 private:
  void add_frame(int64_t sample, int64_t samples_per_input, int64_t step, const torch::Tensor& image_CHW);

  StepPlace place_;
  std::vector<std::unique_ptr<OutputWriter>> writers_;  ///< one per table, else one; none for an animation
  std::unique_ptr<io::WebpAnimation> animation_;        ///< of the present output
  std::unique_ptr<CellsWriter> cells_;                  ///< of StepLayout::cells
};

}  // namespace monge::run
