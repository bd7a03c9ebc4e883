// Curves and pictures for TensorBoard, without TensorFlow: its event file written by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/files.h"

namespace monge::run {

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected); 0xE3069283 for "123456789".
uint32_t crc32c(std::string_view bytes);

/// One record of TensorFlow's TFRecord format, all numbers little-endian:
///
///     uint64 length | uint32 masked(crc(length)) | payload | uint32 masked(crc(payload))
///     masked(c) = ((c >> 15) | (c << 17)) + 0xa282ead8
std::string tfrecord(std::string_view payload);

/// Appends to one event file. A crash loses at most the record that was being written.
///
/// The records are protobuf messages (tensorflow/core/util/event.proto and framework/summary.proto):
///
///     Event { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary { repeated 1: Value } }
///     Value { 1: string tag, 2: float simple_value, 4: Image { 1: height, 2: width, 3: colorspace, 4: png } }
class EventFile {
 public:
  using Clock = std::function<double()>;  ///< seconds since 1970

  /// Starts the file with the version record; an existing file is continued (a resumed run).
  /// TensorBoard shows files whose name contains "tfevents".
  /// @param files  must outlive the object.
  /// @throws Error if the name does not contain "tfevents"; SystemError if the file cannot be written.
  explicit EventFile(std::filesystem::path path, const Files& files = real_files(), Clock clock = system_clock());

  /// Figures of one step. Values that are not finite are written as they are: TensorBoard marks them.
  void add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& figures);

  /// A picture as PNG bytes with its size in pixels.
  void add_image(int64_t step, const std::string& tag, std::string_view png, int64_t height, int64_t width);

  const std::filesystem::path& path() const { return path_; }

  static Clock system_clock();

 private:
  std::filesystem::path path_;
  const Files& files_;
  Clock clock_;
};

}  // namespace monge::run
