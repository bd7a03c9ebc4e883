// Folders, archives, packed sets and single files of images as sources.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/finite.h"
#include "monge/data/image_options.h"

namespace monge::data {

/// Called with (done, total) while images are decoded; from worker threads, one call at a time. Must not throw.
using ProgressCallback = std::function<void(int64_t done, int64_t total)>;

/// Prepared images (see Preparation), [C, H, W] of options.size in the order of their names, stored as uint8. Decoding
/// uses all cores.
///
/// C is 3, or 1 with colour = "grey". With "auto", C is 1 if the files are grey, which is decided by 64 evenly spaced
/// images (see looks_grey), else 3; with grey = true it is 3. If another image turns out to have colour, C is 3 if all
/// images are decoded at construction; otherwise using that image is an error that says so.
///
/// A set that fits in `cache_mb` is decoded at construction, and every fault is found then. A larger set is decoded
/// anew at each use. With on_error = "skip" all its images are tried once at construction. With "fail" all are tried
/// when an unusable one is drawn, so that one error names them all. A packed set whose pixels need no preparation is
/// neither decoded nor cached (a crop or resize_to counts as done when it was packed). Its pixels are read from the
/// file when they are needed, which uses only the memory of the system's cache.
class ImageSource : public FiniteSource {
 public:
  /// @param path  see open_image_collection.
  /// @param log  is kept. It is warned of an archive's entries with unsafe names, informed of what was noticed (see
  ///             io::note_lines), and warned if 16-bit images use little of their range. This happens at construction
  ///             if all images are decoded there, else once for each kind, after the batch in which it first appears.
  /// @throws InputError for a missing path; a set without images; a bad option; images that cannot be used: how many
  ///     there are, and all of them (up to 1,000) with reasons.
  explicit ImageSource(const std::filesystem::path& path, const ImageOptions& options = {},
                       const ProgressCallback& progress = {}, const LogSink& log = silent());
  ~ImageSource() override;

  std::string name() const override;
  std::vector<int64_t> item_shape() const override;
  int64_t size() const override;
  /// uint8 [n, C, H, W], channels last in memory; float32 with bits = 16.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;
  OpenReport open_report() const override;
  bool gives_files() const override { return true; }
  int sample_bits(int64_t index) const override;

  /// Whether the images need no decoding: they are in memory, or in a packed set that needs no preparation.
  bool is_quick() const override;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

/// Prepares one decoded image, uint8 [H, W, 1..4], as the source does: uint8 [C, H, W].
torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options);

}  // namespace monge::data
