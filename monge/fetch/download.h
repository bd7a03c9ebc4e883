// Fetches a file over HTTP so that it is there whole and checked, or not at all.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace monge::fetch {

struct DownloadOptions {
  int64_t bytes = -1;            ///< size of the file; -1: not known beforehand
  std::string sha256 = {};       ///< 64 lower-case hexadecimal digits; empty: not known
  int64_t tries = 4;             ///< in a row that bring nothing new, before a broken transfer is given up; at least 1
  double wait_seconds = 1;       ///< before the second try; doubles from try to try
  double stall_seconds = 30;     ///< without a byte from the server, after which a try counts as broken
  bool allow_file_urls = false;  ///< let `url` be file://; a redirect never leads there
  std::function<void(int64_t done, int64_t total)> progress =
      {};                                   ///< bytes of the file that are here; total -1: not known
  const std::atomic<bool>* stop = nullptr;  ///< looked at ten times a second; once true, the download ends incomplete
};

struct Download {
  bool complete = false;  ///< false only when `stop` ended it
  int64_t bytes = 0;      ///< of the file, or of the part that is kept
  int64_t received = 0;   ///< that came over the wire in this call: less than `bytes` when a part was there
  std::string sha256;     ///< of the complete file
};

/// Fetches `url` (http or https) to `destination`, whose folder is made when absent and which is replaced when there.
///
/// The bytes go to DESTINATION.part; size and SHA-256 are checked where they are known, and only then is the file
/// synced and renamed. A part of an earlier call, or of a try that broke, is continued by a Range request, and a part
/// that is already whole is not asked for again. Two files are never spliced into one: DESTINATION.part.from keeps the
/// address and the ETag or Last-Modified of the part, which go out as If-Range; a part of unknown origin is continued
/// only where `sha256` will judge the whole; a server that sends all from the beginning is believed; and what fails its
/// check after it was continued is thrown away and fetched once more from the beginning.
///
/// What is kept: a stopped or broken transfer keeps its part. A file that came whole and has the wrong size or SHA-256
/// is removed, part and all, as there is nothing in it to go on from.
///
/// Redirects are followed, from https to https alone. The proxies of http_proxy, https_proxy, all_proxy and no_proxy
/// are honoured, and the certificates of SSL_CERT_FILE are taken where it is set. Passwords in `url` are left out of
/// messages and files. Only one process at a time fetches to a destination; others are refused.
///
/// @throws InputError        for another protocol, an answer of the server that asking again does not mend (404), a
/// wrong size or
///                      SHA-256 (both values are named), a folder that cannot be written to, a destination that is
///                      being fetched already.
/// @throws SystemError  when the server is not found or not reached, the certificate is not trusted, the transfer
/// breaks or
///                      stalls more often than `tries`, or the disk is full.
Download download(const std::string& url, const std::filesystem::path& destination,
                  const DownloadOptions& options = {});

/// `url` without a user name and password, as it may stand in messages and records.
std::string without_credentials(const std::string& url);

}  // namespace monge::fetch
