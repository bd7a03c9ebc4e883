// Fuzzes the reader of .h5ad files. It reads each file in a child process first, so a crash of HDF5 is no finding: what
// must hold is that this process survives and that what was accepted has the stated sizes.
#include <algorithm>

#include "fuzz/target.h"
#include "monge/io/anndata.h"

MONGE_FUZZ_TARGET(h5ad) {
  using namespace monge;
  static const fuzz::Folder folder;
  const auto path = folder.file("fuzzed.h5ad", input);
  fuzz::accepted([&] {
    const io::AnnDataFile file(path);
    fuzz::expect(static_cast<int64_t>(file.cell_names().size()) == file.cells());
    fuzz::accepted([&] {
      const auto table = file.table({}, "fuzzed.h5ad");
      fuzz::expect(table.columns.empty() || static_cast<int64_t>(table.columns.size()) == table.width);
      if (file.cells() == 0 || table.width == 0) return;
      fuzz::expect(file.read(table, {0}, {0}).numel() == 1);
    });
  });
}
