#include "monge/io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "monge/core/error.h"
#include "monge/io/decoding_memory.h"

namespace monge::io {

std::string read_gzip(const std::filesystem::path& path, int64_t most) {
  std::error_code ignored;
  require(!std::filesystem::is_directory(path, ignored), path.string(), ": is a folder");
  errno = 0;
  const auto close = [](gzFile file) { gzclose(file); };
  const std::unique_ptr<gzFile_s, decltype(close)> file(gzopen(path.c_str(), "rb"), close);
  require(file != nullptr, path.string(), ": cannot be read: ", errno != 0 ? std::strerror(errno) : "no memory");
  most = std::min(most, decoding_memory() / 2);  // twice that while the text grows
  constexpr unsigned kBlock = 1 << 20;
  gzbuffer(file.get(), kBlock / 4);
  std::string out;
  for (;;) {
    const size_t before = out.size();
    out.resize(before + kBlock);
    const int read = gzread(file.get(), out.data() + before, kBlock);
    int fault = Z_OK;
    const char* reason = gzerror(file.get(), &fault);
    if (fault == Z_ERRNO) throw SystemError(text(path.string(), ": cannot be read: ", std::strerror(errno)));
    // zlib reports a truncated file by Z_BUF_ERROR at its end.
    require(read >= 0 && (fault == Z_OK || fault == Z_STREAM_END), path.string(),
            ": the gzip file is damaged or cut short (", reason, "); copy it again");
    out.resize(before + static_cast<size_t>(read));
    require(static_cast<int64_t>(out.size()) <= most, path.string(), ": holds more than ", most,
            " bytes; unpack it, or raise MONGE_DECODE_MB if you trust it");
    if (read == 0) return out;
  }
}

}  // namespace monge::io
