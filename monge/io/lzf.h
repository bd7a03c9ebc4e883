// LZF, the compression that h5py brings beside HDF5's own.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace monge::io {

/// The filter's number in HDF5's list.
inline constexpr int kLzfFilter = 32000;

/// Decodes LibLZF's format (Marc Lehmann): literal runs of 1 to 32 bytes, and copies of 3 to 264 bytes from up to 8192
/// bytes back.
/// @param most  bytes that the result may have.
/// @return nothing if the bytes are damaged or hold more.
std::optional<std::string> lzf_decoded(std::string_view bytes, size_t most);

/// Makes HDF5 read data sets of this filter. It writes none. Call it once, under the lock of HDF5.
void register_lzf();

}  // namespace monge::io
