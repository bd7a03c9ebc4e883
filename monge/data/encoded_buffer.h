// The memory of an encoded image that is read to be decoded.
#pragma once

#include <cstdint>
#include <string>

namespace monge::data {

/// Empties a buffer, into which `bytes` bytes of the image `name` will be read, once the scope of io::DecodingMemory of
/// the calling thread holds them. A large buffer is freed before, because its memory is no longer held.
/// @throws InputError naming the image if it may not take so much.
void hold_buffer(std::string& buffer, int64_t bytes, const std::string& name);

/// Frees a buffer at the end of its scope if it is large; a small one is kept for the next image. It must end before
/// the scope of io::DecodingMemory that holds the memory, so it is declared after that.
class LargeBufferRelease {
 public:
  explicit LargeBufferRelease(std::string& buffer) : buffer_(buffer) {}
  ~LargeBufferRelease();
  LargeBufferRelease(const LargeBufferRelease&) = delete;
  LargeBufferRelease& operator=(const LargeBufferRelease&) = delete;

 private:
  std::string& buffer_;
};

}  // namespace monge::data
