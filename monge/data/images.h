// Folders, archives and single files of pictures as a source.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/finite.h"

namespace monge::data {

struct ImageOptions {
  int64_t size = 64;                 ///< side of the square given out, in pixels; [1, 4096]
  std::string crop = "centre";       ///< which part is used, see Crop: centre, none, WxH, WxH+dx,dy
  std::string filter = "bicubic";    ///< kernel of the antialiased resize: box, bilinear, bicubic, lanczos
  std::string background = "white";  ///< what shows through transparency: white, black, #rrggbb
  bool grey = false;                 ///< use the luma alone, in all three channels
  int64_t cache_mb = 4096;           ///< decoded pictures are kept in memory when all fit in so many MiB; 0: never
  std::string on_error = "fail";     ///< what to do with pictures that cannot be used: fail, skip
};

/// Called with (done, total) while pictures are decoded; from worker threads, one call at a time. Must not throw.
using ProgressCallback = std::function<void(int64_t done, int64_t total)>;

/// Pictures cropped, composited over the background, resized (as Pillow 13) and given as float32 [3, size, size] in
/// [-1, 1], in the order of their paths. Decoding uses all cores.
///
/// Where the set fits in `cache_mb` it is decoded at construction and every fault is found there. A larger set is
/// decoded anew at each use, and a bad file is found when it is drawn; with on_error = "skip" all are tried once at
/// construction.
class ImageSource : public FiniteSource {
 public:
  /// @param path  a folder, searched recursively for .png .jpg .jpeg .webp in either case, hidden names skipped; an
  ///              archive (see io::has_archive_extension), whose compressed bytes are held in memory while needed; or
  ///              one picture.
  /// @param log   warned of an archive's entries with unsafe names; told how many pictures were converted to 8-bit
  ///              RGB: at construction where all are decoded there, else once for each kind, after the batch in which
  ///              it first appears. Kept.
  /// @throws Error  no such path; nothing to find in it; a bad option; pictures that cannot be used: how many there
  ///                are, and up to 20 with reasons.
  explicit ImageSource(const std::filesystem::path& path, const ImageOptions& options = {},
                       const ProgressCallback& progress = {}, const LogSink& log = silent());
  ~ImageSource() override;

  std::string name() const override;
  std::vector<int64_t> item_shape() const override;
  int64_t size() const override;
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;

  /// Number of pictures left out because they could not be used; 0 unless on_error = "skip".
  int64_t skipped() const;
  /// The pictures left out with their reasons, at most 20.
  const std::vector<std::string>& complaints() const;
  /// Whether the decoded pictures are in memory.
  bool cached() const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

/// Turns one decoded picture uint8 [H, W, 1..4] into uint8 [3, size, size] as the source does.
torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options);

}  // namespace monge::data
