// Fuzzes the reader of .npy files. What it accepts must be written and read again alike, and be mapped alike.
#include "monge/io/npy.h"

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(npy) {
  using namespace monge;
  torch::Tensor array;
  if (!fuzz::accepted([&] { array = io::parse_npy(input, "fuzzed.npy"); })) return;
  fuzz::expect(array.is_contiguous() && array.nbytes() <= input.size());
  const auto bytes = io::npy_bytes(array);
  fuzz::expect(fuzz::same_tensor(io::parse_npy(bytes, "written.npy"), array));
  static const fuzz::Folder folder;
  fuzz::expect(fuzz::same_tensor(io::map_npy(folder.file("fuzzed.npy", input)), array));
}
