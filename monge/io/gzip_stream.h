// Compression to gzip (RFC 1952), piece by piece.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace monge::io {

/// One gzip member. Not thread-safe.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  /// Takes a piece. @return what is ready to be written of the compressed bytes, perhaps none.
  std::string add(std::string_view bytes);

  /// Ends the member. @return the rest; nothing may be added afterwards.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::io
