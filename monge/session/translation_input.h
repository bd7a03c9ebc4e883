// Opens and checks the input of a translation. Internal to the session.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/data/source.h"
#include "monge/io/sample_range.h"
#include "monge/run/output_writer.h"
#include "monge/run/step_writer.h"
#include "monge/session/translation.h"

namespace monge::session {

struct TranslationInput {
  std::shared_ptr<const data::Source> source;
  run::DataKind kind = run::DataKind::image;
  run::StepPlace place;                      ///< of the outputs
  std::vector<std::filesystem::path> files;  ///< the files that are read, or the folder that holds them
  io::SampleRange range;                     ///< the range to which 16-bit outputs are scaled
  bool skips_unusable = false;               ///< whether images that cannot be used are left out
};

/// The places t of the outputs: {1} without `t` and `steps`.
/// @throws InputError for a `t` or `steps` out of its range, or both.
std::vector<double> times_of(const TranslateOptions& options);

/// Applies `deterministic` and `noise_scale` to a loaded model. @throws InputError as Model::set_noise_scale.
void apply_noise_options(const TranslateOptions& options, model::Model& model);

/// Checks the options and applies those of the noise, `range` and `state_dict` to a loaded model.
/// @throws InputError for an option that is out of its range or does not fit the model.
void prepare_for_translation(model::Model& model, const TranslateOptions& options);

/// Lets the model take images of the size of an array, which is neither cropped nor resized, if options.size allows it.
/// @throws InputError for a size in `options` that is not the array's.
void take_size_of_arrays(model::Model& model, const data::Source& source, const TranslateOptions& options);

/// Opens `in` with the preparation of the model's recipe, and puts columns into the model's order.
/// @param model  becomes at_any_size() if the images do not all have the size of the training.
/// @throws InputError when the model cannot use it, or when `out` cannot hold the outputs.
TranslationInput open_translation_input(model::Model& model, const std::string& in, const std::string& out,
                                        const TranslateOptions& options, const dist::ProcessGroup& group,
                                        const LogSink& log);

/// The range in which the outputs of an item are written with 16 bits; nothing if they are written with 8 bits.
std::optional<io::SampleRange> sixteen_bit_range(const TranslationInput& input, int64_t item, const std::string& out,
                                                 const TranslateOptions& options);

/// The formats of the output tables, one for each of `times`: the type of the input, the names of the model's columns,
/// and those of the input's rows. At t = 0 all digits of the input are kept.
std::vector<run::TableFormat> table_formats_for(const model::Model& model, const data::Source& source,
                                                const std::vector<double>& times);

}  // namespace monge::session
