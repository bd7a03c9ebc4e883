// Curves and images for TensorBoard: a writer of its event files that does not need TensorFlow.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "monge/core/files.h"

namespace monge::run {

/// Appends to one event file. A crash loses at most the record that was being written. A record that the disk refuses
/// is taken back, and SystemError is thrown.
///
/// The records are protobuf messages (tensorflow/core/util/event.proto and framework/summary.proto):
///
///     Event { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary { repeated 1: Value },
///             7: SessionLog { 1: status } }
///     Value { 1: string tag, 2: float simple_value, 4: Image { 1: height, 2: width, 3: colorspace, 4: png },
///             8: TensorProto, 9: SummaryMetadata { 1: PluginData { 1: plugin_name, 2: content } } }
class EventFile {
 public:
  using Clock = std::function<double()>;  ///< seconds since 1970

  /// Starts the file with the version record. An existing file is continued after its last sound record (see
  /// tfrecord.h); bytes after that record are cut off, because readers stop at them and would not show appended
  /// records. A file that is no event file is kept under another name. TensorBoard shows files with
  /// "tfevents" in their name.
  /// @param files  must outlive the object.
  /// @throws InputError if the name does not contain "tfevents"; SystemError if the file cannot be read or written.
  explicit EventFile(std::filesystem::path path, const Files& files = real_files(), Clock clock = system_clock());

  /// What was wrong with the existing file and how it was repaired, as a clause whose subject is the file; empty if it
  /// was sound.
  const std::string& repaired() const { return repaired_; }

  /// Marks that a run is resumed and that `step` is its first step (SessionLog START). TensorBoard then drops this step
  /// and later ones from the records before, so that the iterations between a checkpoint and a crash appear once.
  void restart(int64_t step);

  /// Adds tags and values of one step. Values that are not finite are written unchanged; TensorBoard marks them.
  void add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& scalars);

  /// Adds an image as PNG bytes, with its size in pixels.
  void add_image(int64_t step, const std::string& tag, std::string_view png, int64_t height, int64_t width);

  /// Adds a text, which TensorBoard shows as Markdown.
  void add_text(int64_t step, const std::string& tag, std::string_view markdown);

  /// A setting of a run, by which TensorBoard compares runs (plugin HParams).
  using Setting = std::pair<std::string, std::variant<bool, double, std::string>>;

  /// Says with which settings the run begins (tensorboard/plugins/hparams/plugin_data.proto, SessionStartInfo).
  void add_settings(const std::vector<Setting>& settings);

  /// Says how it ended (SessionEndInfo).
  void add_end(bool complete);

  const std::filesystem::path& path() const { return path_; }

  static Clock system_clock();

 private:
  void repair();
  void add_value(int64_t step, std::string_view value);
  void append(std::string_view event);

  std::filesystem::path path_;
  const Files& files_;
  Clock clock_;
  std::string repaired_;
};

}  // namespace monge::run
