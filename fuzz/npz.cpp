// Fuzzes the reader of .npz files: each array that a file names is read, or refused.
#include "monge/io/npz.h"

#include <algorithm>

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(npz) {
  using namespace monge;
  static const fuzz::Folder folder;
  const auto path = folder.file("fuzzed.npz", input);
  std::vector<std::string> names;
  if (!fuzz::accepted([&] { names = io::npz_names(path); })) return;
  names.resize(std::min<size_t>(names.size(), 4));
  for (const auto& name : names) {
    fuzz::accepted([&] { fuzz::expect(io::read_npz(path, name).is_contiguous()); });
  }
}
