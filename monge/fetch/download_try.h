// One request of a download: its head is judged, its body appended to the part.
#pragma once

#include <cstdint>
#include <string>

#include "monge/fetch/download.h"
#include "monge/fetch/download_part.h"

namespace monge::fetch {

/// How a try ended.
struct TryOutcome {
  enum Kind {
    whole,        ///< the server sent all it has
    stopped,      ///< by DownloadOptions::stop
    broken,       ///< asking again may mend it
    unsplicable,  ///< what was sent does not go on from the part; only of a try that asked to go on
    wrong_size,   ///< not DownloadOptions::bytes; `what` is the size
    refused       ///< asking again mends nothing
  } kind = whole;
  std::string what = {}, fix = {};
  bool users_fault = false;  ///< of `refused`: InputError, not SystemError
  double wait_seconds = 0;   ///< of `broken`: the server's wish (Retry-After), at most 60
  bool continued = false;    ///< bytes were appended to those of an earlier try
};

/// Asks for `url`; with `go_on` only for what comes after `part`, which is guarded by If-Range where the part is of
/// this `url`. A server that answers with the whole file restarts the part. Adds to `received` what came.
/// @throws SystemError when the disk fails; whatever options.progress throws.
TryOutcome try_download(const std::string& url, DownloadPart& part, const DownloadOptions& options, bool go_on,
                        int64_t& received);

}  // namespace monge::fetch
