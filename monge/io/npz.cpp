#include "monge/io/npz.h"

#include <algorithm>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/archive.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/npy.h"
#include "monge/io/zip_directory.h"

namespace monge::io {
namespace {

constexpr std::string_view kEnding = ".npy";
// An array is one entry, so an entry may be as large as all entries together.
constexpr int64_t kMost = int64_t{64} << 30;
constexpr ArchiveLimits kLimits{.most_bytes = kMost, .most_entry_bytes = kMost};

/// The names in their form for a message, because they come from the file.
std::string listing(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const auto& name : names) out.push_back(shown(name));
  const bool many = out.size() > kMostListed;
  if (many) out.resize(kMostListed);
  return join(out) + (many ? text(" and ", names.size() - kMostListed, " more") : "");
}

}  // namespace

namespace {

/// The size that the file's directory claims for an entry, so that a small file cannot fill the memory.
int64_t claimed_size(const std::filesystem::path& path, const std::string& entry) {
  const auto directory =
      MappedFile(path).used_by([&](std::string_view bytes) { return read_zip_directory(bytes, path.string()); });
  uint64_t out = 0;
  for (const auto& record : directory.records) {
    if (record.name == entry) out = std::max(out, record.size);
  }
  require(out <= static_cast<uint64_t>(kMost), path.string(), ": the array ", shown(entry), " would have ", out,
          " bytes (allowed: up to ", kMost, ")");
  return static_cast<int64_t>(out);
}

}  // namespace

std::vector<std::string> npz_names(const std::filesystem::path& path) {
  std::vector<std::string> out;
  const auto first = std::string(MappedFile(path).bytes().substr(0, 2));
  require(first.empty() || first == "PK", path.string(),
          ": is not a .npz file (a zip archive); write it with numpy.savez(file, x=array)");
  const auto note = [&](const std::string& entry) {
    if (entry.ends_with(kEnding)) out.push_back(entry.substr(0, entry.size() - kEnding.size()));
    return false;
  };
  read_archive(path, note, kLimits);
  return out;
}

torch::Tensor read_npz(const std::filesystem::path& path, const std::string& name) {
  const auto names = npz_names(path);
  require(!names.empty(), path.string(),
          ": there is no array in this .npz file; write it with numpy.savez(file, x=array)");
  if (name.empty() ? names.size() > 1 : std::count(names.begin(), names.end(), name) == 0) {
    throw InputError({.what = name.empty() ? text("holds ", names.size(), " arrays, but no name was given")
                                           : "there is no array " + shown(name) + " in this file",
                      .where = path.string(),
                      .allowed = listing(names),
                      .fix = name.empty() ? "name one: npz:FILE.npz?key=NAME" : suggestion(name, names)});
  }
  const auto& wanted = name.empty() ? names.front() : name;
  const auto entry = wanted + std::string(kEnding);
  // The entry while it grows, and its copy as a tensor, perhaps in another order.
  constexpr int64_t kCopies = 3;
  const int64_t bytes = claimed_size(path, entry);
  const DecodingMemory memory;
  DecodingMemory::of_thread()->hold_decoded(checked_multiply(bytes, kCopies, path.string()), path.string());
  const ArchiveLimits limits{.most_bytes = bytes, .most_entry_bytes = bytes};
  auto entries = read_archive(path, [&](const std::string& each) { return each == entry; }, limits);
  return parse_npy(entries.front().bytes, path.string() + ", array " + shown(wanted));
}

}  // namespace monge::io
