// The state of an ImageSource and its decoding. Not for other callers.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "monge/data/image_collection.h"
#include "monge/data/image_note_reporter.h"
#include "monge/data/images.h"
#include "monge/data/name_list.h"

namespace monge::data {

struct ImageSource::State {
  State(const std::filesystem::path& path, const ImageOptions& given, const ProgressCallback& progress,
        const LogSink& log);

  int64_t size() const;
  int64_t image_of(int64_t item) const { return rows.empty() ? item : rows[static_cast<size_t>(item)]; }

  /// Decodes image `image`, prepares it and writes it to `to`. @throws InputError naming it.
  void load(int64_t image, uint8_t* to, io::ImageNotes& notes) const;
  /// The same as floats in [-1, 1], with the precision of 16-bit images.
  void load_floats(int64_t image, float* to, io::ImageNotes& notes) const;
  /// Writes the pixels of a packed set unchanged, or their luma.
  void copy_direct(int64_t image, uint8_t* to, std::vector<uint8_t>& scratch) const;

  /// @throws InputError for an image with colour if the set was guessed to be grey.
  void refuse_colour(int64_t image, const io::ImageNotes& notes) const;
  /// Tries every image and names all that cannot be used in one error. Loader threads may call it together.
  /// @param first  what is wrong with one of them.
  /// @throws InputError always.
  [[noreturn]] void refuse_all(const std::string& first) const;

  std::string name;
  std::shared_ptr<const ImageCollection> images;  ///< null if pixels are cached, since only the names are needed then
  ImageOptions options;                           ///< without "auto"
  bool guessed_grey;                              ///< "auto" chose grey; an image with colour is then an error
  Preparation preparation;
  bool convert, skip;
  bool direct = false;        ///< a packed set whose pixels need no preparation
  torch::Tensor pixels;       ///< uint8 [N, H, W, C]; undefined if the set is not cached
  std::vector<int64_t> rows;  ///< the images that are items; empty: all
  OpenReport report;
  NameList names;  ///< names of the items, if they are cached
  LogSink log;
  mutable ImageNoteReporter notes;
  mutable std::mutex refusal_guard;
  mutable std::string refusal;

 private:
  void decode_now(bool keep, const ProgressCallback& progress);
  std::vector<std::string> decode_all(bool keep, const ProgressCallback& progress, std::vector<io::ImageNotes>& found);
  std::vector<std::string> try_all(const ProgressCallback& progress, std::vector<io::ImageNotes>& found) const;
  std::vector<std::string> conversion_lines(const std::vector<std::string>& faults,
                                            std::vector<io::ImageNotes>& found) const;
  void drop(const std::vector<std::string>& faults);
};

}  // namespace monge::data
