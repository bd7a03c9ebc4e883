// The images of a folder, an archive, shards, Parquet files or a packed set, before they are decoded.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/log.h"
#include "monge/io/image.h"

namespace monge::data {

/// Numbered images, none of them decoded. Holds names and places, not images, so that millions fit. Immutable and safe
/// to use from several threads.
class ImageCollection {
 public:
  virtual ~ImageCollection() = default;

  virtual int64_t size() const = 0;

  /// The name of image i inside the whole, with '/': "a/smile.png". Never absolute, never with "..".
  virtual std::string name(int64_t i) const = 0;

  /// The image for messages: the path of the whole and the name.
  virtual std::string where(int64_t i) const = 0;

  /// The bytes of image i as they are kept: an encoded file, or bare pixels where `pixel_size` says so.
  /// @param buffer  where the bytes are put if they do not lie in memory already. The view holds as long as it and
  /// this.
  /// @throws InputError naming the image when it cannot be read.
  virtual std::string_view bytes(int64_t i, std::string& buffer) const = 0;

  /// How many bytes() there are, without reading them; 0 where that cannot be told.
  virtual int64_t length(int64_t i) const = 0;

  /// What changes when image i does, told without reading it; and when anything of the whole does ("" where stamps
  /// tell).
  virtual std::string stamp(int64_t i) const;
  virtual std::string whole_stamp() const { return {}; }

  /// uint8 [H, W, 1..4], or uint16 where `options` keep it. @throws InputError naming the image.
  torch::Tensor decode(int64_t i, io::ImageNotes& notes, const io::DecodeOptions& options = {}) const;

  /// The same of its bytes, where the caller has them already.
  virtual torch::Tensor decode(int64_t i, std::string_view bytes, const io::DecodeOptions& options,
                               io::ImageNotes& notes) const;

  /// The content hash of the file that the image was made from; the one of bytes() unless that is kept elsewhere.
  virtual uint64_t content(int64_t i) const;

  struct PixelSize {
    int64_t height = 0, width = 0;
  };
  /// Where images are kept as bare pixels, RGB [height, width, 3] all of one size: that size.
  virtual std::optional<PixelSize> pixel_size() const { return {}; }

  /// Whether bare pixels are known to be grey, their three channels being equal.
  virtual bool known_grey() const { return false; }

  /// Writes the pixels of image i to `to`, height * width * 3 bytes; only where there is a pixel_size.
  virtual void copy_pixels(int64_t i, uint8_t* to) const;
};

/// All images under `path`, in the order of their names (shards in that of their numbers); those of Parquet in that of
/// their rows. What a path is goes before what it is called: a folder "my.csv" or "set.tar" is a folder.
/// @param path  a folder, searched recursively for io::kImageExtensions in either case, hidden names skipped, symbolic
/// links
///              followed to each real file once; a packed set
///              (see packed_set.h); an archive (see io::has_archive_extension); shards, "NAME-{000..146}.tar", whose
///              images are named "NAME-000/a.jpg"; any of these with "?member=input.png" (see MemberPath); Parquet with
///              a column of images (see ParquetPath); or one image. Of a tar, and of a zip that stores its images
///              uncompressed, nothing is held in memory but names and places; the compressed bytes of other archives
///              are.
/// @param log   told of links that are followed; warned of an archive's entries that are left out, each kind with its
/// first name, and
///              of a folder's images of kinds that are not read.
/// @throws InputError  no such path, a folder that cannot be listed, a damaged archive, nothing found in it, or tar
/// samples of several
///              images of which none is chosen.
std::shared_ptr<const ImageCollection> open_image_collection(const std::filesystem::path& path, const LogSink& log);

/// Whether open_image_collection takes `path` for images by its kind; for shards the text alone is looked at.
bool holds_images(const std::filesystem::path& path);

/// Whether what `path` names is there: itself, or what stands before its "?member=" or "?column=".
/// @throws InputError naming the first shard of a range that is not there.
bool images_exist(const std::string& path);

/// Each file of "NAME-{000..146}.tar": both ends are meant, with the digits of the first. Without braces the path
/// itself.
/// @throws InputError for a brace that is no such range, or more than 100,000 shards.
std::vector<std::filesystem::path> expand_shards(const std::string& path);

}  // namespace monge::data
