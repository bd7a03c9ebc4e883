// Checkpoints of PyTorch (torch.save). Reading runs nothing in them; torch.load accepts the written files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "monge/core/files.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

/// Reads the tensors of a file that torch.save wrote: a zip archive (PyTorch 1.6 and later) or the older legacy format.
///
/// A dictionary gives one tensor per key. Dictionaries and lists inside it are flattened: {"net": {"0.weight": w}}
/// gives "net.0.weight", [a, b] gives "0" and "1". Numbers, texts, True, False and None go to the metadata under such
/// names; bytes are left out. A file that is one tensor gives it the name "tensor". Names remain as in the file,
/// including the "module." of nn.DataParallel.
///
/// Objects of Python, of numpy, of torch.nn and of unknown packages (settings, data classes, schedulers) are never
/// constructed; their contents are read instead. A whole network, torch.save(net), gives its state_dict(). Classes that
/// are neither Python's nor numpy's nor torch's are listed in `skipped_classes`. kind_of_name (pickle_policy.h) defines
/// what is refused.
///
/// Device tags are ignored: all tensors are read to the CPU. As in torch.load, tensors may be strided views and may
/// share their storage with each other (tied weights); copy a tensor before you write to it.
///
/// @throws InputError naming the Python object when the file names something that runs code:
///         evil.pt: refuses to load the Python object "posix.system"; only tensors and containers are read
///     and on damage, big-endian data, TorchScript programs, views that leave their storage.
TensorFile read_torch_checkpoint(const std::filesystem::path& path, const Files& files = real_files());

/// The same from memory; `name` stands for the file in messages.
TensorFile parse_torch_checkpoint(std::string_view bytes, const std::string& name);

/// The tensors as torch.save writes an OrderedDict of them (zip, protocol 2); torch.load(weights_only=True) reads it.
/// The metadata are left out, because load_state_dict takes only tensors. The same tensors give the same bytes.
/// @param name  the folder inside the archive, by convention the file's name without its extension.
/// @throws InputError on a type other than float64/32/16, bfloat16, int64/32/16/8, uint8, bool; a duplicate name; above
///     4 GiB.
std::string torch_checkpoint_bytes(const TensorFile& content, const std::string& name);

/// Writes the file in one durable step.
void write_torch_checkpoint(const std::filesystem::path& path, const TensorFile& content,
                            const Files& files = real_files());

}  // namespace monge::io
