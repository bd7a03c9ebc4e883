// The encoded images of a folder, an archive, shards, Parquet files or a packed set.
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

/// Numbered images that are not decoded. Holds names and positions, not images, so millions of images fit. Immutable
/// and thread-safe.
class ImageCollection {
 public:
  virtual ~ImageCollection() = default;

  virtual int64_t size() const = 0;

  /// The name of image i inside the set, with '/': "a/smile.png". Never absolute, never with "..".
  virtual std::string name(int64_t i) const = 0;

  /// The location of image i for messages: the path of the set and the name.
  virtual std::string where(int64_t i) const = 0;

  /// The stored bytes of image i: an encoded file, or bare pixels if `pixel_size` has a value.
  /// @param buffer  receives the bytes if they are not in memory already. The view is valid as long as the buffer and
  ///                this object.
  /// @throws InputError naming the image when it cannot be read.
  virtual std::string_view bytes(int64_t i, std::string& buffer) const = 0;

  /// The number of bytes(), without reading them; 0 if it is not known.
  virtual int64_t length(int64_t i) const = 0;

  /// A text that changes when image i changes, obtained without reading the image. whole_stamp() is a text that changes
  /// when any image does, or "" if the stamps show it.
  virtual std::string stamp(int64_t i) const;
  virtual std::string whole_stamp() const { return {}; }

  /// Decodes image i: uint8 [H, W, 1..4], or uint16 if `options` keep 16 bits. @throws InputError naming the image.
  torch::Tensor decode(int64_t i, io::ImageNotes& notes, const io::DecodeOptions& options = {}) const;

  /// The same from its bytes, if the caller has them already.
  virtual torch::Tensor decode(int64_t i, std::string_view bytes, const io::DecodeOptions& options,
                               io::ImageNotes& notes) const;

  /// The content hash of the file that the image was made from. It is the hash of bytes() unless it is stored
  /// elsewhere.
  virtual uint64_t content(int64_t i) const;

  struct PixelSize {
    int64_t height = 0, width = 0;
  };
  /// The size of the images if they are stored as bare pixels, RGB [height, width, 3], all of one size.
  virtual std::optional<PixelSize> pixel_size() const { return {}; }

  /// Whether bare pixels are known to be grey, that is, their three channels are equal.
  virtual bool known_grey() const { return false; }

  /// Writes the pixels of image i to `to`, height * width * 3 bytes. Requires a pixel_size.
  virtual void copy_pixels(int64_t i, uint8_t* to) const;
};

/// Opens all images under `path`, in the order of their names; shards in the order of their numbers, Parquet files in
/// the order of their rows. The type of a path takes precedence over its name: a folder "my.csv" or "set.tar" is a
/// folder. `path` is one of
///
///     a folder          searched recursively for io::kImageExtensions in either case; hidden names are skipped, and
///                       symbolic links are followed to each real file once
///     a packed set      see packed_set.h
///     an archive        see io::has_archive_extension
///     shards            "NAME-{000..146}.tar", whose images are named "NAME-000/a.jpg"
///     Parquet           with a column of images, see ParquetPath
///     one image
///
/// All but the last two may end with "?member=input.png" (see MemberPath), and all but Parquet with the parameters of
/// ImageChoice: "?names=LIST.txt&part=1/2&groups=line*". For a tar, and for a zip that stores its
/// images uncompressed, only names and positions are kept in memory; for other archives, also the compressed bytes.
/// @param log  is informed of links that are followed. It is warned of an archive's entries that are left out, each
///             kind with its first name, and of a folder's images of kinds that are not supported.
/// @throws InputError for a missing path, a folder that cannot be listed, a damaged archive, a set without images, tar
///     samples of several images if no member is chosen, or as choose_images.
std::shared_ptr<const ImageCollection> open_image_collection(const std::filesystem::path& path, const LogSink& log);

/// Whether open_image_collection takes `path` for images by its kind. For shards only the text is examined.
bool holds_images(const std::filesystem::path& path);

/// Whether the set that `path` names exists: itself, or the part before its parameters.
/// @throws InputError naming the first shard of a range that is missing.
bool images_exist(const std::string& path);

/// The files of "NAME-{000..146}.tar". Both ends are included and written with the digits of the first. Without braces
/// it is the path itself.
/// @throws InputError for a brace that is no such range, or more than 100,000 shards.
std::vector<std::filesystem::path> expand_shards(const std::string& path);

}  // namespace monge::data
