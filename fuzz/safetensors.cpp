// Fuzzes the reader of safetensors files. What it accepts must be written and read again alike.
#include "monge/io/safetensors.h"

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(safetensors) {
  using namespace monge;
  io::TensorFile file;
  if (!fuzz::accepted([&] { file = io::parse_safetensors(input, "fuzzed.safetensors"); })) return;
  int64_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors) bytes += static_cast<int64_t>(tensor.nbytes());
  fuzz::expect(bytes <= static_cast<int64_t>(input.size()));
  const auto again = io::parse_safetensors(io::safetensors_bytes(file), "written.safetensors");
  fuzz::expect(again.metadata == file.metadata && again.tensors.size() == file.tensors.size());
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    fuzz::expect(again.tensors[i].first == file.tensors[i].first);
    fuzz::expect(fuzz::same_tensor(again.tensors[i].second, file.tensors[i].second));
  }
}
