#include "monge/model/model_index.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/files.h"
#include "monge/core/format_version.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/io/sha256.h"
#include "monge/model/model.h"
#include "monge/model/pretrained.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::string_view kIndexFormat = "monge models ";  // before the number of the version
constexpr int64_t kIndexVersion = 1;
constexpr const char* kIndexFile = "index.json";
constexpr int64_t kMostIndexBytes = 16 << 20;

/// The address of the folder of an index, of which the index itself may be named.
std::string as_folder(std::string url) {
  const std::string index = text('/', kIndexFile);
  if (url.ends_with(index)) url.resize(url.size() - index.size());
  return url.ends_with('/') ? url : url + '/';
}

bool is_address(const std::string& text) { return text.find("://") != std::string::npos; }

/// A folder for the index, removed with this object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    auto name = (fs::temp_directory_path() / "monge-index-XXXXXX").string();
    if (!mkdtemp(name.data())) throw SystemError("cannot make a temporary folder, " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    remove_tree(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The version of an index, as it says it; unset if `index` is none.
std::optional<std::string> index_version(const ordered_json& index) {
  if (!index.is_object()) return std::nullopt;
  const auto format = index.value("format", ordered_json());
  const auto* name = format.get_ptr<const std::string*>();
  if (!name || !name->starts_with(kIndexFormat)) return std::nullopt;
  return name->substr(kIndexFormat.size());
}

/// @throws nlohmann::json::exception for another structure, InputError for values that are not allowed.
IndexedModel entry_of(const ordered_json& object, const std::string& where) {
  require(object.at("bytes").is_number_integer(), where, ": a size is not a whole number");
  IndexedModel out{.name = object.at("name").get<std::string>(),
                   .bytes = object.at("bytes").get<int64_t>(),
                   .sha256 = object.at("sha256").get<std::string>(),
                   .title = object.value("title", ""),
                   .licence = object.value("licence", "")};
  require(is_model_name(out.name), where, ": \"", printable(out.name), "\" is not the name of a model");
  require(out.bytes > 0 && io::is_sha256(out.sha256), where, ": ", out.name, " has no valid size or SHA-256");
  return out;
}

/// Whether a file is a whole model; reports why not.
bool can_be_loaded(const fs::path& file, const LogSink& log) {
  try {
    load_model(file, torch::kCPU, silent());
    return true;
  } catch (const InputError& error) {
    log(LogLevel::warning, text("left out: ", error.what()));
    return false;
  }
}

/// @throws InputError for a file that write_model_index did not write.
void require_replaceable(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return;
  const auto there = ordered_json::parse(real_files().read(file, kMostIndexBytes), nullptr, /*allow_exceptions=*/false);
  const auto version = index_version(there);
  require(version.has_value(), file.string(), ": is there and is not an index of models; move it away");
  require_format_version(file.string(), "index of models", *version, kIndexVersion);
}

}  // namespace

std::vector<IndexedModel> parse_model_index(const std::string& json, const std::string& where) {
  try {
    const auto index = ordered_json::parse(json);
    const auto version = index_version(index);
    require(version.has_value(), where, ": is not an index of models (format \"", kIndexFormat, kIndexVersion, "\")");
    require_format_version(where, "index of models", *version, kIndexVersion);
    std::vector<IndexedModel> out;
    std::set<std::string> names;
    for (const auto& object : index.at("models").get_ref<const ordered_json::array_t&>()) {
      out.push_back(entry_of(object, where));
      require(names.insert(out.back().name).second, where, ": names ", out.back().name, " twice");
    }
    return out;
  } catch (const nlohmann::json::exception&) {
    throw InputError(
        text(where, ": is not an index of models; ", user_word("model::write_model_index()"), " writes one"));
  }
}

std::vector<IndexedModel> write_model_index(const fs::path& folder, const LogSink& log) {
  std::error_code ignored;
  require(fs::is_directory(folder, ignored), folder.string(), ": is not a folder");
  std::vector<IndexedModel> out;
  ordered_json list = ordered_json::array();
  require_replaceable(folder / kIndexFile);
  for (const auto& model : pretrained_models({folder}, log)) {
    if (!can_be_loaded(model.path, log)) continue;
    out.push_back({.name = model.name,
                   .bytes = model.bytes,
                   .sha256 = io::sha256_of_file(model.path),
                   .title = model.title,
                   .licence = model.licence});
    const auto& entry = out.back();
    list.push_back({{"name", entry.name},
                    {"bytes", entry.bytes},
                    {"sha256", entry.sha256},
                    {"title", entry.title},
                    {"licence", entry.licence}});
  }
  require(!out.empty(), folder.string(), ": holds no model file (NAME", kModelExtension, "); ",
          user_word("model::export_safetensors()"), " writes one");
  real_files().replace(folder / kIndexFile,
                       ordered_json{{"format", text(kIndexFormat, kIndexVersion)}, {"models", list}}.dump(
                           1, ' ', false, ordered_json::error_handler_t::replace) +
                           "\n");
  return out;
}

std::optional<std::vector<IndexedModel>> fetch_model_index(const std::string& url,
                                                           const fetch::DownloadOptions& options) {
  const TemporaryFolder folder;
  const auto file = folder.path() / kIndexFile;
  const auto address = as_folder(url) + kIndexFile;
  const auto shown = fetch::without_credentials(address);
  auto bounded = options;
  bounded.allow_file_urls = true;
  bounded.progress = [&shown](int64_t done, int64_t total) {
    require(std::max(done, total) <= kMostIndexBytes, shown, ": is larger than ", kMostIndexBytes,
            " bytes, so it is not an index of models");
  };
  try {
    if (!fetch::download(address, file, bounded).complete) return std::nullopt;
  } catch (const SystemError& error) {
    auto complaint = error.complaint();
    complaint.fix.clear();  // the part is not kept
    throw SystemError(complaint);
  }
  return parse_model_index(real_files().read(file), shown);
}

std::optional<ModelAddress> locate_model(const std::string& name, const std::string& index_url,
                                         const fetch::DownloadOptions& options) {
  if (is_address(name)) {
    const auto path = name.substr(0, name.find_first_of("?#"));
    const auto file = fs::path(path.substr(path.rfind('/') + 1));
    const auto stem = file.stem().string();
    if (file.extension() == kModelExtension && is_model_name(stem)) return ModelAddress{.name = stem, .url = name};
    throw InputError({.what = "not the address of a model file",
                      .value = fetch::without_credentials(name),
                      .allowed = text("an address that ends in NAME", kModelExtension)});
  }
  const char* variable = std::getenv("MONGE_MODELS_URL");
  const auto base = !index_url.empty() ? index_url : std::string(variable ? variable : "");
  if (base.empty()) {
    throw InputError({.what = "no index of models is known",
                      .fix = "name its address with " + user_word("model::locate_model(index_url)") +
                             " or MONGE_MODELS_URL, or give the address of a model file; " +
                             user_word("model::pretrained_models()") + " shows the models that are there"});
  }
  const auto models = fetch_model_index(base, options);
  if (!models) return std::nullopt;
  std::vector<std::string> known;
  for (const auto& model : *models) {
    if (model.name == name) {
      return ModelAddress{
          .name = name, .url = as_folder(base) + name + kModelExtension, .bytes = model.bytes, .sha256 = model.sha256};
    }
    known.push_back(model.name);
  }
  throw InputError({.what = "no such model",
                    .where = fetch::without_credentials(base),
                    .value = '"' + printable(name) + '"',
                    .allowed = join(known),
                    .fix = suggestion(name, known)});
}

fetch::Download fetch_model(const ModelAddress& address, const fs::path& folder, fetch::DownloadOptions options) {
  options.bytes = address.bytes;
  options.sha256 = address.sha256;
  options.allow_file_urls = true;
  // Under another name until it is checked, so that a file that is no model replaces none.
  const auto file = model_path(folder, '.' + address.name);
  auto got = fetch::download(address.url, file, options);
  if (!got.complete) return got;
  try {
    load_model(file, torch::kCPU, silent());  // compares the content hash, too
  } catch (const InputError& error) {
    std::error_code ignored;
    remove_entry(file, ignored);
    throw InputError(text(fetch::without_credentials(address.url), ": is not a usable model (", error.what(), ")"));
  } catch (...) {  // such as no memory
    std::error_code ignored;
    remove_entry(file, ignored);
    throw;
  }
  real_files().publish(file, model_path(folder, address.name));
  return got;
}

}  // namespace monge::model
