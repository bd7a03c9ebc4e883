#include "monge/data/encoded_buffer.h"

#include "monge/io/decoding_memory.h"

namespace monge::data {

void hold_buffer(std::string& buffer, int64_t bytes, const std::string& name) {
  constexpr size_t kMostKept = 1 << 20;
  if (buffer.capacity() > kMostKept) std::string().swap(buffer);
  buffer.clear();
  io::hold_file_memory(bytes, name);
}

}  // namespace monge::data
