// The memory of an encoded image that is read to be decoded.
#pragma once

#include <cstdint>
#include <string>

namespace monge::data {

/// Empties a buffer, into which `bytes` bytes of the image `name` will be read, once the scope of io::DecodingMemory of
/// the calling thread holds them. A large buffer is freed before, because its memory is no longer held.
/// @throws InputError naming the image if it may not take so much.
void hold_buffer(std::string& buffer, int64_t bytes, const std::string& name);

}  // namespace monge::data
