#include "monge/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "monge/core/error.h"
#include "monge/core/read_at.h"
#include "monge/io/safetensors_header.h"

namespace monge::io {
namespace {

constexpr uint64_t header_limit = 100'000'000;  // as in the reference implementation

/// Checks that every byte of the data belongs to exactly one tensor; otherwise a file could hide content or make
/// tensors alias.
void require_coverage(std::vector<TensorEntry> entries, uint64_t data_size, const std::string& name) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t covered = 0;
  for (const auto& entry : entries) {
    require(entry.begin >= covered, name, ": tensor ", shown(entry.name),
            " overlaps the tensor before it: it begins at ", entry.begin, ", the other ends at ", covered);
    require(entry.begin == covered, name, ": the bytes ", covered, " to ", entry.begin, " belong to no tensor");
    covered = entry.end;
  }
  require(covered == data_size, name, ": the last ", data_size - covered, " bytes belong to no tensor");
}

/// The length of the header, from the first bytes of a file of `file_size` bytes.
uint64_t checked_header_size(std::string_view first, uint64_t file_size, const std::string& name) {
  uint64_t header_size = 0;
  require(first.size() >= sizeof header_size, name, ": is not a safetensors file: ", first.size(),
          " bytes are too few for the length of the header");
  std::memcpy(&header_size, first.data(), sizeof header_size);
  require(header_size <= header_limit, name, ": is not a safetensors file, or is damaged: its header would have ",
          header_size, " bytes (allowed: up to ", header_limit, ")");
  const uint64_t present = file_size - sizeof header_size;
  require(header_size <= present, name, ": the file is truncated: its header has ", header_size, " bytes, only ",
          present, " are present; copy or download it again");
  return header_size;
}

}  // namespace

std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path) {
  const ReadAt file(path);
  std::error_code failure;
  const uint64_t size = std::filesystem::is_regular_file(path, failure) ? std::filesystem::file_size(path, failure) : 0;
  std::string text(std::min<uint64_t>(size, sizeof(uint64_t)), '\0');
  file.read(0, text.data(), static_cast<int64_t>(text.size()));
  text.resize(checked_header_size(text, size, path.string()));
  file.read(sizeof(uint64_t), text.data(), static_cast<int64_t>(text.size()));
  return parse_safetensors_header(text, path.string()).metadata;
}

TensorFile parse_safetensors(std::string_view bytes, const std::string& name) {
  const uint64_t header_size = checked_header_size(bytes, bytes.size(), name);
  bytes.remove_prefix(sizeof header_size);
  const auto header = parse_safetensors_header(bytes.substr(0, header_size), name);
  const auto data = bytes.substr(header_size);

  for (const auto& entry : header.entries) {
    require(entry.begin <= entry.end && entry.end <= data.size(), name, ": tensor ", shown(entry.name),
            " has data_offsets [", entry.begin, ", ", entry.end, "] outside the ", data.size(),
            " bytes of data; the file is truncated or damaged");
  }
  require_coverage(header.entries, data.size(), name);

  TensorFile out{.tensors = {}, .metadata = header.metadata};
  for (const auto& entry : header.entries) {
    const auto where = text(name, ": tensor ", shown(entry.name));
    out.tensors.emplace_back(entry.name, tensor_from_bytes(data.substr(entry.begin, entry.end - entry.begin),
                                                           entry.dtype, entry.shape, where));
  }
  return out;
}

TensorFile read_safetensors(const std::filesystem::path& path, const Files& files) {
  return parse_safetensors(files.read(path), path.string());
}

std::string safetensors_bytes(const TensorFile& content) {
  std::vector<torch::Tensor> tensors;
  std::vector<size_t> layout;
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : content.tensors) {
    require(tensor.defined(), "tensor ", shown(name), " is undefined and cannot be written");
    require(name != "__metadata__", "a tensor cannot be named \"__metadata__\" in a safetensors file; rename it");
    require(names.insert(name).second, "tensor ", shown(name),
            " appears twice; names in a safetensors file are unique");
    layout.push_back(tensors.size());
    tensors.push_back(plain(tensor));
  }
  std::stable_sort(layout.begin(), layout.end(),
                   [&](size_t a, size_t b) { return tensors[a].element_size() > tensors[b].element_size(); });

  std::vector<std::array<uint64_t, 2>> offsets(tensors.size());
  uint64_t end = 0;
  for (const size_t i : layout) {
    offsets[i] = {end, end + tensors[i].nbytes()};
    end = offsets[i][1];
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& name = content.tensors[i].first;
    // operator[] of ordered_json is linear; the names are unique, so append without a lookup.
    header.get_ref<nlohmann::ordered_json::object_t&>().emplace_back(
        name, nlohmann::ordered_json{{"dtype", safetensors_type_name(tensors[i].scalar_type(), name)},
                                     {"shape", tensors[i].sizes().vec()},
                                     {"data_offsets", offsets[i]}});
  }

  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception&) {
    throw InputError("a tensor name or a note for a safetensors file is not valid UTF-8; rename it");
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');  // so that the data begin aligned
  const uint64_t header_size = json.size();
  require(header_size <= header_limit, "the header of this safetensors file would have ", header_size,
          " bytes (allowed: up to ", header_limit, "); write fewer tensors or notes");

  std::string out;
  out.reserve(sizeof header_size + header_size + end);
  out.append(reinterpret_cast<const char*>(&header_size), sizeof header_size).append(json);
  for (const size_t i : layout) out.append(bytes_of(tensors[i]));
  return out;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& content, const Files& files) {
  files.replace(path, safetensors_bytes(content));
}

}  // namespace monge::io
