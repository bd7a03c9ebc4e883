// Fetches public data into a folder: downloads, verifies, unpacks and records it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "monge/core/log.h"
#include "monge/fetch/download.h"
#include "monge/fetch/fetch_record.h"
#include "monge/fetch/unpack.h"

namespace monge::fetch {

struct FetchOptions {
  std::string name = {};    ///< name of the file, whose extension gives its kind; empty: the last part of the address
  std::string sha256 = {};  ///< 64 lower-case hexadecimal digits; empty: not known
  bool unpack = true;       ///< unpack archives (see io::has_archive_extension); false: keep them as they are
  bool keep = false;        ///< keep the archive beside its content
  UnpackOptions unpacking = {};   ///< limits and strip; progress and stop are set by fetch()
  DownloadOptions download = {};  ///< tries and waits; sha256, progress and stop are set by fetch()
  LogSink log = silent();         ///< is informed of entries of an archive that are left out
  std::function<void(int64_t done, int64_t total)> downloading = {}, unpacking_progress = {};  ///< bytes of the file
  const std::atomic<bool>* stop = nullptr;  ///< checked often; once true, the fetch ends and keeps what was received
};

struct Fetched {
  enum State {
    fetched,
    there,   ///< existed already; nothing was requested
    stopped  ///< by FetchOptions::stop; file.bytes are kept and the same call resumes
  } state = fetched;
  std::filesystem::path path;  ///< the folder if an archive was unpacked, else the file in it
  FetchedFile file;
};

/// The name of the file that `url` names: the last part of its path, with %20 and the like decoded.
/// @throws InputError for a protocol other than http and https, and if the address does not end with a valid file name.
std::string file_name_of(const std::string& url);

/// Fetches `url` into `folder`, which is made if it does not exist. Archives are unpacked during the download if their
/// kind allows it (tar, zip; 7z afterwards). Other files are stored under their name.
///
/// Nothing appears in the folder before all of it was received, verified and, for an archive, unpacked. No file in the
/// folder is overwritten: a file with the same bytes is left alone; one with other bytes is an InputError before
/// anything is added. Work in progress is in FOLDER/.monge-fetch/, from which the next call resumes, whatever ended
/// this one. It is removed when all is done. FOLDER/.monge-fetch.json records what was fetched. A recorded address is
/// not requested again unless one of its names at the top of the folder is missing.
///
/// The unpacked bytes are the verified ones: they are hashed while they are unpacked, and unpacked again if the server
/// changed the file midway. One process at a time fetches into a folder.
///
/// @throws InputError as download() and unpack(); another SHA-256 than recorded or given (both are named); a file that
///     is in the way; a folder that cannot be written to or is in use.
/// @throws SystemError when the network or the disk fails.
Fetched fetch(const std::string& url, const std::filesystem::path& folder, const FetchOptions& options = {});

}  // namespace monge::fetch
