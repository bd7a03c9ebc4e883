#include "monge/data/image_collection.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/packed_set.h"
#include "monge/io/archive.h"

namespace monge::data {

namespace fs = std::filesystem;

torch::Tensor ImageCollection::decode(int64_t i, io::ImageNotes& notes, const io::DecodeOptions& options) const {
  std::string buffer;
  return decode(i, bytes(i, buffer), options, notes);
}

torch::Tensor ImageCollection::decode(int64_t i, std::string_view bytes, const io::DecodeOptions& options,
                                      io::ImageNotes& notes) const {
  return io::decode_image(bytes, where(i), options, &notes);
}

std::string ImageCollection::stamp(int64_t i) const { return std::to_string(length(i)); }

uint64_t ImageCollection::content(int64_t i) const {
  std::string buffer;
  return content_number(bytes(i, buffer));
}

void ImageCollection::copy_pixels(int64_t i, uint8_t*) const {
  throw Error(text(where(i), ": is not kept as bare pixels"));
}

namespace {

bool holds_parquet(const fs::path& folder) {
  std::error_code failure;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    if (parquet_path(at->path().string())) return true;
  }
  return false;
}

/// What to do where a packed set was meant; "" where nothing looks like it.
std::string packed_hint(const fs::path& folder) {
  std::error_code failure;
  if (fs::exists(folder / "content.npy", failure) && fs::exists(folder / "names.txt", failure))
    return "it looks like a packed set whose manifest.json is damaged or missing: copy it again, or pack it anew";
  std::string sets;
  for (fs::directory_iterator at(folder, failure), end; !failure && at != end; at.increment(failure)) {
    if (is_packed_set(at->path())) sets += (sets.empty() ? "" : ", ") + at->path().string();
  }
  return sets.empty() ? "" : "it holds packed sets, name one: " + sets;
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
         io::has_image_extension(path);
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

std::shared_ptr<const ImageCollection> open_image_collection(const fs::path& whole, const LogSink& log) {
  std::error_code ignored;
  if (const auto parquet = parquet_path(whole.string())) return open_image_parquet(*parquet, log);
  const auto member = member_path(whole.string());
  const fs::path path = member.set;
  if (!fs::exists(path, ignored) && member.set.find('{') != std::string::npos) return open_image_shards(member, log);
  require(fs::exists(path, ignored), path.string(), ": no such file or folder");
  const bool chooses = !member.members.empty() || member.all;
  if (is_packed_set(path)) {
    require(!chooses, path.string(),
            ": is a packed set, which has no members to choose from; choose them when it is packed");
    return open_packed_set(path);
  }
  const bool folder = fs::is_directory(path, ignored);
  if (!folder && !io::has_archive_extension(path)) {
    require(!chooses, path.string(),
            ": is one file; ?member= chooses among the images of a folder, an archive or shards");
    require(fs::is_regular_file(path, ignored), path.string(),
            ": is a pipe, socket or device, an image file was expected");
    return open_image_file(path);
  }
  auto out = folder ? open_image_folder(path, member, log) : open_image_archive(path, member, log);
  if (out->size() > 0) return out;
  throw Error(Complaint{.what = "no images found in it or in folders within it",
                        .where = path.string(),
                        .allowed = "files named *.png, *.jpg, *.jpeg, *.jfif, *.jpe, *.webp, *.tif or *.tiff",
                        .fix = packed_hint(path) != "" ? packed_hint(path)
                               : holds_parquet(path)
                                   ? "it holds Parquet: name a file, or all as NAME-{00000..00012}-of-00013.parquet"
                                   : "check the path; hidden files are not used"});
}

}  // namespace monge::data
