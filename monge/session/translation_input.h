// What a translation reads, opened and checked. Internal to the session.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/data/source.h"
#include "monge/io/sample_range.h"
#include "monge/run/output_writer.h"
#include "monge/session/translation.h"

namespace monge::session {

struct TranslationInput {
  std::shared_ptr<const data::Source> source;
  run::DataKind kind = run::DataKind::image;
  std::vector<std::filesystem::path> files;  ///< that are read, or the folder that holds them
  io::SampleRange range;                     ///< that 16-bit outputs are scaled to
};

/// Opens `in` as the model's recipe prepares its source, in the order of the model's columns.
/// @throws InputError when it cannot be used by the model, or when `out` cannot take what comes of it.
TranslationInput open_translation_input(const model::Model& model, const std::string& in, const std::string& out,
                                        const TranslateOptions& options, const dist::ProcessGroup& group,
                                        const LogSink& log);

/// The range that the outputs of an item are written in with 16 bits; nothing where they are written with 8.
std::optional<io::SampleRange> sixteen_bit_range(const TranslationInput& input, int64_t item, const std::string& out,
                                                 const TranslateOptions& options);

/// What the outputs have beside their numbers: the type of the input, and the names of the model's columns and the
/// input's rows.
run::TableFormat table_format_for(const model::Model& model, const data::Source& source);

}  // namespace monge::session
