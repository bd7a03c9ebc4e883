#include "monge/io/lzf.h"

#include <hdf5.h>

#include <algorithm>
#include <cstring>

namespace monge::io {
namespace {

/// H5Z_func_t. `values` are those that h5py stores: version, version of LibLZF, bytes of a chunk.
size_t filter_lzf(unsigned flags, size_t count, const unsigned values[], size_t bytes, size_t* capacity,
                  void** buffer) {
  constexpr size_t kMost = size_t{1} << 32;       // of a chunk in HDF5
  if ((flags & H5Z_FLAG_REVERSE) == 0) return 0;  // writes nothing
  const size_t stated = count >= 3 ? values[2] : 0;
  const auto decoded = lzf_decoded({static_cast<const char*>(*buffer), bytes}, stated > 0 ? stated : kMost);
  if (!decoded || decoded->empty()) return 0;
  void* made = H5allocate_memory(decoded->size(), false);
  if (!made) return 0;
  std::memcpy(made, decoded->data(), decoded->size());
  H5free_memory(*buffer);
  *buffer = made;
  *capacity = decoded->size();
  return decoded->size();
}

}  // namespace

std::optional<std::string> lzf_decoded(std::string_view bytes, size_t most) {
  constexpr size_t kLiterals = 32, kLongCopy = 7;
  std::string out;
  size_t at = 0;
  const auto next = [&] { return static_cast<size_t>(static_cast<unsigned char>(bytes[at++])); };
  while (at < bytes.size()) {
    const size_t control = next();
    if (control < kLiterals) {
      const size_t length = control + 1;
      if (length > bytes.size() - at || length > most - out.size()) return std::nullopt;
      out.append(bytes.substr(at, length));
      at += length;
      continue;
    }
    size_t length = control >> 5;
    if (length == kLongCopy) {
      if (at >= bytes.size()) return std::nullopt;
      length += next();
    }
    length += 2;
    if (at >= bytes.size()) return std::nullopt;
    const size_t back = ((control & 31) << 8) + next() + 1;
    if (back > out.size() || length > most - out.size()) return std::nullopt;
    for (size_t from = out.size() - back; length > 0; --length, ++from) out.push_back(out[from]);  // may overlap
  }
  return out;
}

void register_lzf() {
  static const H5Z_class2_t kClass = {.version = H5Z_CLASS_T_VERS,
                                      .id = kLzfFilter,
                                      .encoder_present = 0,
                                      .decoder_present = 1,
                                      .name = "lzf",
                                      .can_apply = nullptr,
                                      .set_local = nullptr,
                                      .filter = filter_lzf};
  if (H5Zfilter_avail(kLzfFilter) <= 0) H5Zregister(&kClass);
}

}  // namespace monge::io
