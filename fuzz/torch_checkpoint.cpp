// Fuzzes the reader of what torch.save writes: zip archives, the legacy format, and the pickles in both. Every view
// that it accepts must lie in its storage.
#include "monge/io/torch_checkpoint.h"

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(torch_checkpoint) {
  using namespace monge;
  io::TensorFile file;
  if (!fuzz::accepted([&] { file = io::parse_torch_checkpoint(input, "fuzzed.pt"); })) return;
  for (const auto& [name, tensor] : file.tensors) {
    if (tensor.numel() == 0) continue;
    int64_t last = tensor.storage_offset();
    for (int64_t axis = 0; axis < tensor.dim(); ++axis) {
      fuzz::expect(tensor.stride(axis) >= 0);
      last += (tensor.size(axis) - 1) * tensor.stride(axis);
    }
    fuzz::expect((last + 1) * static_cast<int64_t>(tensor.itemsize()) <=
                 static_cast<int64_t>(tensor.storage().nbytes()));
    // An expanded view may have any number of elements without memory of its own.
    if (tensor.numel() < 10'000) tensor.clone(torch::MemoryFormat::Contiguous);
  }
}
