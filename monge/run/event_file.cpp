#include "monge/run/event_file.h"

#include <bit>
#include <chrono>
#include <fstream>
#include <system_error>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/run/tfrecord.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;

template <class Unsigned>
std::string fixed_bytes(Unsigned value) {
  std::string out(sizeof(value), '\0');
  for (size_t i = 0; i < sizeof(value); ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

/// A protobuf message under construction. A key is field * 8 + wire type.
class Message {
 public:
  Message& add_integer(int field, int64_t value) {
    varint(field * 8 + 0);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& add_double(int field, double value) {
    varint(field * 8 + 1);
    bytes_ += fixed_bytes(std::bit_cast<uint64_t>(value));
    return *this;
  }
  Message& add_bytes(int field, std::string_view value) {
    varint(field * 8 + 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& add_float(int field, float value) {
    varint(field * 8 + 5);
    bytes_ += fixed_bytes(std::bit_cast<uint32_t>(value));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

/// SummaryMetadata that names the plugin of a value.
std::string metadata(std::string_view plugin, std::string_view content) {
  const auto data = Message().add_bytes(1, plugin).add_bytes(2, content);
  return Message().add_bytes(1, data.bytes()).bytes();
}

/// A value of the plugin HParams: its data are in the metadata, and its tensor is empty.
std::string session_value(std::string_view tag, std::string_view data) {
  constexpr int64_t kFloat = 1;  // DataType.DT_FLOAT
  const auto tensor = Message().add_integer(1, kFloat).add_bytes(2, "").add_float(5, 0);
  return Message().add_bytes(1, tag).add_bytes(8, tensor.bytes()).add_bytes(9, metadata("hparams", data)).bytes();
}

constexpr const char* kNamePart = "tfevents";  // TensorBoard shows files with this in their name

std::string version_event(double wall_time) {
  return Message().add_double(1, wall_time).add_bytes(3, "brain.Event:2").bytes();
}

/// Whether a file without a sound record begins with the header of the version record, or with a part of the header.
bool begins_as_ours(const fs::path& path) {
  const auto header =
      tfrecord(version_event(0)).substr(0, 12);  // the length and its checksum, which do not depend on the time
  std::string begin(header.size(), '\0');
  std::ifstream in(path, std::ios::binary);
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  begin.resize(static_cast<size_t>(in.gcount()));
  return header.starts_with(begin);
}

/// A free name in the same folder that TensorBoard does not show.
fs::path free_name_beside(const fs::path& path) {
  auto name = path.filename().string();
  name.replace(name.find(kNamePart), std::string_view(kNamePart).size(), "unreadable");
  auto out = path.parent_path() / name;
  std::error_code ignored;
  for (int number = 2; fs::exists(out, ignored); ++number) out = path.parent_path() / text(name, '-', number);
  return out;
}

}  // namespace

EventFile::EventFile(fs::path path, const Files& files, Clock clock)
    : path_(std::move(path)), files_(files), clock_(std::move(clock)) {
  require(path_.filename().string().find(kNamePart) != std::string::npos, path_.string(),
          ": TensorBoard only shows event files with \"", kNamePart, "\" in their name");
  std::error_code failure;
  if (fs::exists(path_, failure)) repair();
  if (const auto size = fs::file_size(path_, failure); !failure && size > 0) return;
  files_.append(path_, tfrecord(version_event(clock_())));
}

void EventFile::repair() {
  const auto sound = sound_records(path_);
  const int64_t rest = sound.size - sound.bytes;
  switch (sound.rest) {
    case SoundRecords::Rest::none:
      return;
    case SoundRecords::Rest::cut:
      repaired_ = text("its last ", rest, " bytes are an incomplete record (a crash or a full disk)");
      break;
    case SoundRecords::Rest::zeros:
      repaired_ = text("its last ", rest, " bytes are zeros (a power failure)");
      break;
    case SoundRecords::Rest::damaged:
      repaired_ = text("its record ", sound.count + 1,
                       " is damaged, and TensorBoard stops reading there; this record and the rest, ", rest, " bytes");
      break;
  }
  std::error_code failure;
  if (sound.count == 0 && sound.rest != SoundRecords::Rest::zeros && !begins_as_ours(path_)) {
    const auto aside = free_name_beside(path_);
    rename_entry(path_, aside, failure);
    if (failure)
      throw SystemError(text(path_.string(), ": is not an event file, and cannot be renamed: ", failure.message()));
    repaired_ = "is not an event file; it was renamed to " + aside.filename().string() + ", and a new one was started";
    return;
  }
  // A TensorBoard that was open at the crash has read the torn bytes, waits for their rest, and must be started again.
  resize_file(path_, sound.bytes, failure);
  if (failure) throw SystemError(text(path_.string(), ": cannot cut off its damaged end: ", failure.message()));
  repaired_ += sound.rest == SoundRecords::Rest::damaged ? " were cut off. metrics.jsonl has all metrics"
                                                         : "; they were cut off";
}

void EventFile::append(std::string_view event) {
  std::error_code unknown, ignored;
  const auto before = fs::file_size(path_, unknown);
  try {
    files_.append(path_, tfrecord(event));
  } catch (const SystemError&) {
    // Readers stop at a part of a record, and would not see what follows when the disk has room again.
    if (!unknown) resize_file(path_, static_cast<int64_t>(before), ignored);
    throw;
  }
}

void EventFile::restart(int64_t step) {
  constexpr int64_t kStart = 1;  // SessionLog.SessionStatus.START
  const auto event =
      Message().add_double(1, clock_()).add_integer(2, step).add_bytes(7, Message().add_integer(1, kStart).bytes());
  append(event.bytes());
}

void EventFile::add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& scalars) {
  Message summary;
  for (const auto& [tag, value] : scalars) {
    summary.add_bytes(1, Message().add_bytes(1, tag).add_float(2, static_cast<float>(value)).bytes());
  }
  const auto event = Message().add_double(1, clock_()).add_integer(2, step).add_bytes(5, summary.bytes());
  append(event.bytes());
}

void EventFile::add_image(int64_t step, const std::string& tag, std::string_view png, int64_t height, int64_t width) {
  require(height > 0 && width > 0, "event file: the image ", tag, " has the size ", width, " x ", height);
  constexpr int64_t rgb = 3;
  const auto image = Message().add_integer(1, height).add_integer(2, width).add_integer(3, rgb).add_bytes(4, png);
  const auto value = Message().add_bytes(1, tag).add_bytes(4, image.bytes());
  add_value(step, value.bytes());
}

void EventFile::add_value(int64_t step, std::string_view value) {
  const auto summary = Message().add_bytes(1, value);
  const auto event = Message().add_double(1, clock_()).add_integer(2, step).add_bytes(5, summary.bytes());
  append(event.bytes());
}

void EventFile::add_text(int64_t step, const std::string& tag, std::string_view markdown) {
  constexpr int64_t kString = 7;  // DataType.DT_STRING
  const auto one = Message().add_integer(1, 1);
  const auto shape = Message().add_bytes(2, one.bytes());
  const auto tensor = Message().add_integer(1, kString).add_bytes(2, shape.bytes()).add_bytes(8, markdown);
  const auto value = Message().add_bytes(1, tag).add_bytes(8, tensor.bytes()).add_bytes(9, metadata("text", ""));
  add_value(step, value.bytes());
}

void EventFile::add_settings(const std::vector<Setting>& settings) {
  Message start;
  for (const auto& [name, value] : settings) {
    Message as_value;  // google/protobuf/struct.proto
    if (const auto* flag = std::get_if<bool>(&value)) as_value.add_integer(4, *flag ? 1 : 0);
    if (const auto* number = std::get_if<double>(&value)) as_value.add_double(2, *number);
    if (const auto* word = std::get_if<std::string>(&value)) as_value.add_bytes(3, *word);
    start.add_bytes(1, Message().add_bytes(1, name).add_bytes(2, as_value.bytes()).bytes());
  }
  start.add_double(5, clock_());
  add_value(0, session_value("_hparams_/session_start_info", Message().add_bytes(3, start.bytes()).bytes()));
}

void EventFile::add_end(bool complete) {
  const auto end =
      Message().add_integer(1, complete ? 1 : 2).add_double(2, clock_());  // STATUS_SUCCESS, STATUS_FAILURE
  add_value(0, session_value("_hparams_/session_end_info", Message().add_bytes(4, end.bytes()).bytes()));
}

EventFile::Clock EventFile::system_clock() {
  return [] {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since_1970).count();
  };
}

}  // namespace monge::run
