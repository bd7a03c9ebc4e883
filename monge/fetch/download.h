// Downloads a file over HTTP. Afterwards the file is complete and verified, or it does not exist.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace monge::fetch {

struct DownloadOptions {
  int64_t bytes = -1;  ///< size of the file; -1: not known beforehand
  /// A larger file is refused: before its first byte if the server says its size, else when it exceeds this.
  int64_t most_bytes = 256'000'000'000;
  int64_t spare_bytes = int64_t{256} << 20;  ///< space to leave on the disk when the size is not known
  std::string sha256 = {};                   ///< 64 lower-case hexadecimal digits; empty: not known
  int64_t tries = 4;             ///< consecutive tries without progress before a broken transfer fails; at least 1
  double wait_seconds = 1;       ///< pause before the second try; doubles with each try
  double stall_seconds = 30;     ///< a try without a byte from the server for so long counts as broken
  bool allow_file_urls = false;  ///< let `url` be file://; a redirect never leads there
  /// Called with the bytes of the file received so far, and their total; total -1: not known.
  std::function<void(int64_t done, int64_t total)> progress = {};
  const std::atomic<bool>* stop = nullptr;  ///< checked ten times a second; once true, the download ends incomplete
};

struct Download {
  bool complete = false;  ///< false only when `stop` ended it
  int64_t bytes = 0;      ///< size of the file, or of the part that is kept
  int64_t received = 0;   ///< bytes received in this call: less than `bytes` if a part existed before
  std::string sha256;     ///< of the complete file
};

/// Downloads `url` (http or https) to `destination`. Its folder is made if it does not exist, and an existing file is
/// replaced.
///
/// The bytes go to DESTINATION.part. Size and SHA-256 are checked if they are known, and only then is the file synced
/// and renamed. A Range request resumes a part of an earlier call or of a broken try. A part that is already complete
/// is not requested again. Parts of two different files are never joined:
///
/// - DESTINATION.part.from keeps the address and the ETag or Last-Modified of the part, which are sent as If-Range.
/// - A part of unknown origin is resumed only if `sha256` can verify the whole file.
/// - If a server sends the whole file from the beginning, that replaces the part.
/// - A file that fails its check after it was resumed is discarded and downloaded once more from the beginning.
///
/// A stopped or broken transfer keeps its part, and so does one that would fill the disk, or one that resumes a part
/// and finds that the file exceeds `most_bytes`. A complete file with the wrong size or SHA-256, and one that exceeds
/// `most_bytes` when it is downloaded from the beginning, is removed with its part: there is nothing to resume from.
///
/// Redirects are followed, from https only to https. The proxies of http_proxy, https_proxy, all_proxy and no_proxy are
/// used, and the certificates of SSL_CERT_FILE if it is set. Passwords in `url` do not appear in messages and files.
/// Only one process at a time downloads to a destination; others are refused.
///
/// @throws InputError for another protocol, an answer of the server that a repetition does not change (404), a wrong
///     size or SHA-256 (both values are named), a file larger than `most_bytes`, a folder that cannot be written to, a
///     destination to which another process downloads.
/// @throws SystemError when the server is not found or not reached, the certificate is not trusted, the transfer breaks
///     or stalls more often than `tries`, or the disk has too little space.
Download download(const std::string& url, const std::filesystem::path& destination,
                  const DownloadOptions& options = {});

/// `url` without user name and password, for messages and records.
std::string without_credentials(const std::string& url);

}  // namespace monge::fetch
