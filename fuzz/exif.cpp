// Fuzzes the reader of EXIF blocks, whose bytes the decoders of images pass to it.
#include <algorithm>
#include <memory>

#include "fuzz/target.h"
#include "monge/io/orientation.h"

MONGE_FUZZ_TARGET(exif) {
  // A copy of the exact size, so that the sanitizer sees each byte read beyond its end.
  const std::unique_ptr<char[]> block(new char[input.size()]);
  std::copy(input.begin(), input.end(), block.get());
  const int orientation = monge::io::exif_orientation({block.get(), input.size()});
  monge::fuzz::expect(orientation >= 1 && orientation <= 8);
}
