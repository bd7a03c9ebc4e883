// Compresses to gzip (RFC 1952), piece by piece.
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

  /// Compresses a piece. @return the compressed bytes that are ready to be written, perhaps none.
  std::string add(std::string_view bytes);

  /// Ends the member. @return the remaining bytes. Nothing may be added afterwards.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace monge::io
