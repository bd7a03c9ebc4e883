#include "monge/data/image_collection.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/user_words.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/packed_set.h"
#include "monge/io/archive.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {

namespace fs = std::filesystem;

torch::Tensor ImageCollection::decode(int64_t i, io::ImageNotes& notes, const io::DecodeOptions& options) const {
  const io::DecodingMemory memory;
  std::string buffer;
  return decode(i, bytes(i, buffer), options, notes);
}

torch::Tensor ImageCollection::decode(int64_t i, std::string_view bytes, const io::DecodeOptions& options,
                                      io::ImageNotes& notes) const {
  return io::decode_image(bytes, where(i), options, &notes);
}

std::string ImageCollection::stamp(int64_t i) const { return std::to_string(length(i)); }

uint64_t ImageCollection::content(int64_t i) const {
  const io::DecodingMemory memory;
  std::string buffer;
  return content_hash64(bytes(i, buffer));
}

void ImageCollection::copy_pixels(int64_t i, uint8_t*) const {
  throw InputError(text(where(i), ": is not stored as raw pixels"));
}

namespace {

bool holds_parquet(const fs::path& folder) {
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    if (parquet_path(at->path().string())) return true;
  }
  return false;
}

/// Advice for a folder that may have been meant as a packed set; "" if nothing suggests it.
std::string packed_hint(const fs::path& folder) {
  std::error_code failure;
  if (fs::exists(folder / "content.npy", failure) && fs::exists(folder / "names.txt", failure))
    return "it looks like a packed set whose manifest.json is damaged or missing: copy it again, or pack it anew";
  std::string sets;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    if (is_packed_set(at->path())) sets += (sets.empty() ? "" : ", ") + at->path().string();
  }
  return sets.empty() ? "" : "it holds packed sets; name one of them: " + sets;
}

}  // namespace

bool is_hidden(const fs::path& name) {
  return std::any_of(name.begin(), name.end(),
                     [](const fs::path& part) { return part != "." && part.string().starts_with('.'); });
}

bool holds_images(const fs::path& path) {
  std::error_code ignored;
  const fs::path set = member_path(path.string()).set;
  return fs::is_directory(set, ignored) || parquet_path(path.string()) || io::has_archive_extension(set) ||
         io::has_image_extension(set);
}

bool images_exist(const std::string& path) {
  std::error_code ignored;
  if (fs::exists(path, ignored)) return true;
  const auto parquet = parquet_path(path);
  const auto set = parquet ? parquet->file : member_path(path).set;
  if (fs::exists(set, ignored)) return true;
  if (set.find('{') == std::string::npos) return false;
  existing_shards(set);
  return true;
}

MemberPath existing_set(const std::string& path) {
  auto out = member_path(path);
  std::error_code ignored;
  require(fs::exists(out.set, ignored), out.set, ": no such file or folder");
  return out;
}

void require_images_in(const std::string& set, const ImageCollection& images) {
  if (images.size() > 0) return;
  throw InputError(
      {.what = "no images found, neither in it nor in its subfolders",
       .where = set,
       .allowed = "files named " + io::listed_image_extensions("*", ", ", " or "),
       .fix = packed_hint(set) != "" ? packed_hint(set)
              : holds_parquet(set)
                  ? "it holds Parquet files: name one, or all of them as NAME-{00000..00012}-of-00013.parquet"
                  : "check the path; hidden files are not used"});
}

const std::vector<ImageCollectionKind>& image_collection_kinds() {
  // The type of a path takes precedence over its name: a folder "set.tar" is a folder.
  static const std::vector<ImageCollectionKind> kinds{image_parquet_kind(), image_shards_kind(),  packed_set_kind(),
                                                      image_folder_kind(),  image_archive_kind(), single_image_kind()};
  return kinds;
}

std::shared_ptr<const ImageCollection> open_image_collection(const fs::path& whole, const LogSink& log) {
  const auto path = whole.string();
  io::decoding_memory();  // throws for a wrong MONGE_DECODE_MB, which is no fault of each image
  const auto open = [&] {
    for (const auto& kind : image_collection_kinds()) {
      if (kind.matches(path)) return kind.open(path, log);
    }
    return single_image_kind().open(path, log);  // whatever its extension is
  };
  const auto [set, members, all, choice] = member_path(path);
  return choose_images(open(), choice, set);
}

}  // namespace monge::data
