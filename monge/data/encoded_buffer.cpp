#include "monge/data/encoded_buffer.h"

#include "monge/io/decoding_memory.h"

namespace monge::data {
namespace {

void release_if_large(std::string& buffer) {
  constexpr size_t kMostKept = 1 << 20;
  if (buffer.capacity() > kMostKept) std::string().swap(buffer);
}

}  // namespace

LargeBufferRelease::~LargeBufferRelease() { release_if_large(buffer_); }

void hold_buffer(std::string& buffer, int64_t bytes, const std::string& name) {
  release_if_large(buffer);
  buffer.clear();
  io::hold_file_memory(bytes, name);
}

}  // namespace monge::data
