// One request of a download: it checks the head of the answer and appends the body to the part.
#pragma once

#include <cstdint>
#include <string>

#include "monge/fetch/download.h"
#include "monge/fetch/download_part.h"

namespace monge::fetch {

/// The outcome of a try.
struct TryOutcome {
  enum Kind {
    whole,          ///< the server sent all it has
    stopped,        ///< by DownloadOptions::stop
    broken,         ///< a repetition may succeed
    not_resumable,  ///< the answer does not continue the part; only for a try with `resume`
    wrong_size,     ///< not DownloadOptions::bytes; `what` is the size
    too_large,      ///< more than DownloadOptions::most_bytes; `what` is the size
    refused         ///< a repetition cannot succeed
  } kind = whole;
  std::string what = {}, fix = {};
  bool is_input_error = false;  ///< for `refused`: InputError, not SystemError
  double wait_seconds = 0;      ///< for `broken`: the server's Retry-After, at most 60
  bool continued = false;       ///< bytes were appended to those of an earlier try
};

/// Requests `url`. With `resume` it requests only the bytes after `part`, with If-Range if the part is of this `url`. A
/// server that answers with the whole file restarts the part. Adds the number of received bytes to `received`.
/// @throws SystemError when the disk fails; whatever options.progress throws.
TryOutcome try_download(const std::string& url, DownloadPart& part, const DownloadOptions& options, bool resume,
                        int64_t& received);

}  // namespace monge::fetch
