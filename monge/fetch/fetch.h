// Brings public data into a folder: downloaded, checked, unpacked, recorded.
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
  std::string name = {};          ///< of the file, whose ending says what it is; empty: the last part of the address
  std::string sha256 = {};        ///< 64 lower-case hexadecimal digits; empty: not known
  bool unpack = true;             ///< archives (see io::has_archive_extension); false: put there as they are
  bool keep = false;              ///< the archive too, beside what was in it
  UnpackOptions unpacking = {};   ///< limits and strip; progress and stop are set by fetch()
  DownloadOptions download = {};  ///< tries and waits; sha256, progress and stop are set by fetch()
  LogSink log = silent();         ///< told what was left out of an archive
  std::function<void(int64_t done, int64_t total)> downloading = {}, unpacking_progress = {};  ///< bytes of the file
  const std::atomic<bool>* stop = nullptr;  ///< looked at often; once true, the fetch ends and keeps what came
};

struct Fetched {
  enum State {
    fetched,
    there,   ///< was there already; nothing was asked for
    stopped  ///< by FetchOptions::stop; file.bytes are kept and the same call goes on
  } state = fetched;
  std::filesystem::path path;  ///< the folder for what was unpacked, else the file in it
  FetchedFile file;
};

/// The name of the file that `url` names: the last part of its path, with %20 and the like decoded.
/// @throws InputError for another protocol than http and https, and where the address ends without a name that a file
/// can have.
std::string file_name_of(const std::string& url);

/// Fetches `url` into `folder`, which is made when absent. Archives are unpacked while they come, as far as their kind
/// allows (tar, zip; 7z afterwards), other files are put there under their name.
///
/// Nothing appears before all of it came, was checked and, for an archive, unpacked; nothing that is in the folder is
/// overwritten: a file with the same bytes is left, one with others is an InputError before anything is put there. Work in
/// progress is in FOLDER/.monge-fetch/ and is gone on from by the next call, whatever ended this one; when all is done
/// it is removed. FOLDER/.monge-fetch.json records what was fetched; an address that it has, and of which nothing at
/// the top of the folder is missing, is not asked for again.
///
/// What is unpacked is of the bytes that were checked: they are hashed as they are unpacked, and unpacked again where
/// the server sent another file midway. One process at a time fetches into a folder.
///
/// @throws InputError  what download() and unpack() throw; another SHA-256 than recorded or asked for (both are named);
/// a file in
///                the way; a folder that cannot be written to or is in use.
/// @throws SystemError  the network or the disk.
Fetched fetch(const std::string& url, const std::filesystem::path& folder, const FetchOptions& options = {});

}  // namespace monge::fetch
