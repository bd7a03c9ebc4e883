// Maps from files of tensors that monge did not write: state dicts of the public codes, at any depth in the file.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/log.h"
#include "monge/io/tensor_file.h"
#include "monge/model/model.h"
#include "monge/nn/find_states.h"

namespace monge::model {

/// The two parts of "FILE?key=NAME".
struct FileAndKey {
  std::filesystem::path file;
  std::string key;  ///< empty if none is given
};

/// Splits a path at ?key=, unless a file of the whole name exists. @throws InputError when no key follows ?key=.
FileAndKey split_key(const std::filesystem::path& path);

/// The format of a file of tensors, by its content, or by its name if the content is of neither format.
enum class TensorFormat { safetensors, torch, unknown };
TensorFormat tensor_format(const std::filesystem::path& file);

/// Reads a file of either format. Reports the Python classes that were skipped to `log`.
/// @throws InputError as the readers do; also for the state.safetensors of a checkpoint of monge, naming the folder to
///         use instead.
io::TensorFile read_tensor_file(const std::filesystem::path& file, const LogSink& log);

/// The only map among the tensors, or the one that `path.key` names. Reports to `log` which of several networks was
/// chosen and which others there are, weights of another type than float32, and weights that are not finite.
/// @throws InputError when there are several maps, listing each with its key; when there is none, listing what the file
///         holds instead (potentials, other networks).
nn::FoundState choose_map(const io::TensorFile& tensors, const FileAndKey& path, const LogSink& log);

/// That map, ready to use. It takes images of any size. If it has more input than output channels, its noise has the
/// standard deviation 0.1, as in the public codes.
Model model_of_public(const io::TensorFile& tensors, const FileAndKey& path, torch::Device device, const LogSink& log);

}  // namespace monge::model
