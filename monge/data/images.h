// Folders, archives, packed sets and single files of images as a source.
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

/// Images prepared (see Preparation) and given as [C, size, size] in the order of their names; stored as uint8.
/// Decoding uses all cores.
///
/// C is 3, or 1 with colour = "grey". With "auto" it is 1 where the files are grey, of which 64, evenly spread, are
/// looked at (see looks_grey); with grey = true it is 3. If another image turns out to have colour, C is 3 where all
/// are decoded at construction; else using that image is an error that says so.
///
/// Where the set fits in `cache_mb` it is decoded at construction and every fault is found there. A larger set is
/// decoded anew at each use; with on_error = "skip" all images are tried once at construction, with "fail" all are
/// tried when one is drawn that cannot be used, so that all are named together. A packed set whose pixels fit the
/// preparation as they are is neither decoded nor cached (and a crop or resize_to is taken as done when it was packed):
/// its pixels are read from the file as they are needed, which costs no more than the system's cache does.
class ImageSource : public FiniteSource {
 public:
  /// @param path  see open_image_collection.
  /// @param log   warned of an archive's entries with unsafe names; told what was noticed (see io::note_lines) and
  ///              warned where 16-bit images use little of their range: at construction where all are decoded there,
  ///              else once for each kind, after the batch in which it first appears. Kept.
  /// @throws InputError  no such path; nothing to find in it; a bad option; images that cannot be used: how many there
  ///                are, and all of them (up to 1,000) with reasons.
  explicit ImageSource(const std::filesystem::path& path, const ImageOptions& options = {},
                       const ProgressCallback& progress = {}, const LogSink& log = silent());
  ~ImageSource() override;

  std::string name() const override;
  std::vector<int64_t> item_shape() const override;
  int64_t size() const override;
  /// uint8 [n, C, size, size], with the channels last in memory; float32 with bits = 16.
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;
  OpenReport open_report() const override;
  bool gives_files() const override { return true; }
  int sample_bits(int64_t index) const override;

  /// Whether the images need no decoding: they are in memory, or a packed set that fits.
  bool is_quick() const override;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

/// Turns one decoded image uint8 [H, W, 1..4] into uint8 [C, size, size] as the source does.
torch::Tensor prepare_image(const torch::Tensor& image_HWC, const ImageOptions& options);

}  // namespace monge::data
