// Maps from files of tensors that monge did not write: state dicts of the public codes, whatever stands around them.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/log.h"
#include "monge/io/tensor_file.h"
#include "monge/model/model.h"
#include "monge/nn/find_states.h"

namespace monge::model {

/// "FILE?key=NAME". A file whose real name is the whole of it comes first.
struct FileAndKey {
  std::filesystem::path file;
  std::string key;  ///< empty: none given
};
FileAndKey split_key(const std::filesystem::path& path);

/// What a file of tensors is, by its content; by its name where the content is neither.
enum class TensorFormat { safetensors, torch, unknown };
TensorFormat tensor_format(const std::filesystem::path& file);

/// Reads a file of either format. The log is told which Python classes were passed over.
/// @throws InputError as the readers; on the state.safetensors of a checkpoint of monge, naming the folder to give
/// instead.
io::TensorFile read_tensor_file(const std::filesystem::path& file, const LogSink& log);

/// The one map among the tensors, or the one that `path.key` names. Where something was chosen the log is told what and
/// what else there is, and also of weights in another type than float32 and of weights that are not finite.
/// @throws InputError  when there are several, listing each with its key; when there is none, saying what there is
/// instead
///                (potentials, other networks).
nn::FoundState choose_map(const io::TensorFile& tensors, const FileAndKey& path, const LogSink& log);

/// That map, ready to use. Its size is open, and the noise of a map with more input than output channels is the public
/// codes' 0.1.
Model model_of_public(const io::TensorFile& tensors, const FileAndKey& path, torch::Device device, const LogSink& log);

}  // namespace monge::model
