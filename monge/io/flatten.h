// From the nested containers of a pickle to one list of named tensors.
#pragma once

#include <functional>
#include <string>

#include "monge/io/pickle.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

/// Makes the tensor that a Kind::tensor describes; `where` is "FILE: tensor \"NAME\"" for messages.
using TensorMaker = std::function<torch::Tensor(const PickleValue& tensor, const std::string& where)>;

/// Names are the keys and list positions on the way, joined by '.'; scalars go to the metadata as text. A key that is
/// neither text nor number counts by its position: "#3".
///
/// An inert object stands for its attributes: tensors in them have names like those in a dictionary. A whole network
/// (an object with the _parameters, _buffers and _modules of torch.nn.Module) gives what its state_dict() would. An
/// object is looked into once, where it comes first, because objects may refer to one another in circles.
///
/// @throws InputError  naming `file` when the root is neither container nor tensor, two tensors get one name,
/// containers are
///                nested deeper than 64, or names and texts would take more than 256 MiB (containers that hold one
///                another many times over).
TensorFile flatten(const PickleValue& root, const std::string& file, const TensorMaker& make);

}  // namespace monge::io
