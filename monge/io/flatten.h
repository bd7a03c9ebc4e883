// Flattens the nested containers of a pickle into one list of named tensors.
#pragma once

#include <functional>
#include <string>

#include "monge/io/pickle.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

/// Makes the tensor that a Kind::tensor describes. `where` is "FILE: tensor \"NAME\"", for messages.
using TensorMaker = std::function<torch::Tensor(const PickleValue& tensor, const std::string& where)>;

/// Flattens the containers below `root`. A name joins the keys and list positions of the path to a tensor by '.'.
/// Scalars go to the metadata as text. A key that is neither text nor number is replaced by its position: "#3".
///
/// An inert object is treated as a dictionary of its attributes, and their tensors are named accordingly. A whole
/// network (an object with the _parameters, _buffers and _modules of torch.nn.Module) gives what its state_dict()
/// would. Each object is visited once, where it occurs first, because objects may refer to one another in circles.
///
/// @throws InputError naming `file` when the root is neither a container nor a tensor, two tensors get one name,
///     containers are nested deeper than 64, or names and texts would take more than 256 MiB (containers that hold one
///     another many times).
TensorFile flatten(const PickleValue& root, const std::string& file, const TensorMaker& make);

}  // namespace monge::io
