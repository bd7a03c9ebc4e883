// The index of a folder of model files on a server, by which they are fetched by name.
//
// A folder to publish holds model files and index.json, which write_model_index makes:
//
//     { "format": "monge models 1",
//       "models": [ {"name": "emoji-colour", "bytes": 1523456, "sha256": "...", "title": "...", "licence": "..."} ] }
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/fetch/download.h"

namespace monge::model {

/// A model of an index; its file is NAME.safetensors beside the index.
struct IndexedModel {
  std::string name;
  int64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
  std::string title = {}, licence = {};
};

/// The models of an index.
/// @param where  file or address, for the message.
/// @throws InputError for text that is no such index, or an invalid name, size or hash.
std::vector<IndexedModel> parse_model_index(const std::string& json, const std::string& where);

/// Writes FOLDER/index.json for the model files in `folder`, and returns its content.
/// Files that cannot be loaded are reported to `log` and left out.
/// @throws InputError for a path that is no folder, a folder without a model, or an index.json that this function did
/// not
///         write; SystemError when writing fails.
std::vector<IndexedModel> write_model_index(const std::filesystem::path& folder, const LogSink& log);

/// Downloads and reads the index at `url` (http, https or file), a folder or its index.json, of at most 16 MiB. Nothing
/// of a transfer that breaks is kept.
/// @param options  tries, times and stop; `progress` is not called.
/// @return nothing when options.stop ended it.
/// @throws InputError, SystemError as fetch::download and parse_model_index.
std::optional<std::vector<IndexedModel>> fetch_model_index(const std::string& url,
                                                           const fetch::DownloadOptions& options = {});

/// A model file to fetch.
struct ModelAddress {
  std::string name;         ///< of the model
  std::string url;          ///< of its file
  int64_t bytes = -1;       ///< -1: unknown
  std::string sha256 = {};  ///< empty: unknown, the file then vouches for itself by its content hash
};

/// Finds a model by its name in the index at `index_url`, or takes the address of a model file as it is.
/// @param name       a name, or an address that ends in NAME.safetensors.
/// @param index_url  empty: that of the environment variable MONGE_MODELS_URL.
/// @return nothing when options.stop ended it.
/// @throws InputError for a name that the index lacks, with the nearest one; without any index; for an address that
///         ends otherwise.
std::optional<ModelAddress> locate_model(const std::string& name, const std::string& index_url,
                                         const fetch::DownloadOptions& options = {});

/// Fetches the file into `folder`, which is made if absent, and checks that it is a whole model file of monge.
/// @param options  tries, times, progress and stop; size and hash are set here.
/// @return what fetch::download returns. @throws as fetch::download; InputError for a file that is no model; the
///         file of this name that was there before stays.
fetch::Download fetch_model(const ModelAddress& address, const std::filesystem::path& folder,
                            fetch::DownloadOptions options = {});

}  // namespace monge::model
