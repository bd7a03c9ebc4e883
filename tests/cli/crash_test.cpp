// What a run leaves behind when it is killed, and when the disk or the power fails; resumed as a user would.
#include <csignal>

#include "monge/run/tfrecord.h"
#include "monge/train/checkpoint.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

constexpr const char* kEvents = "run/events.out.tfevents.monge";

/// The step of an event and whether it is a SessionLog START, of the few fields that monge writes.
struct Event {
  int64_t step = 0;
  bool start = false, metrics = false;
};

uint64_t varint(const std::string& bytes, size_t& at) {
  uint64_t out = 0;
  for (int shift = 0; at < bytes.size(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[at++]);
    out |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) break;
  }
  return out;
}

/// The events of a file whose records are sound.
std::vector<Event> events_of(const fs::path& path) {
  const auto sound = run::sound_records(path);
  EXPECT_EQ(sound.rest, run::SoundRecords::Rest::none);
  const auto file = testing::slurp(path);
  std::vector<Event> out;
  for (size_t begin = 0; begin < file.size();) {
    uint64_t length = 0;
    for (size_t i = 0; i < 8; ++i) length |= static_cast<uint64_t>(static_cast<uint8_t>(file[begin + i])) << (8 * i);
    const auto payload = file.substr(begin + 12, length);
    begin += 16 + length;
    Event event;
    for (size_t at = 0; at < payload.size();) {
      const auto key = varint(payload, at);
      if (key == 2 * 8) event.step = static_cast<int64_t>(varint(payload, at));
      event.start = event.start || key == 7 * 8 + 2;
      // Texts, images and settings of a run have no tag of these.
      event.metrics = payload.find("train/") != std::string::npos || payload.find("eval/") != std::string::npos;
      if (key % 8 == 1) at += 8;
      if (key % 8 == 2) at += varint(payload, at);
    }
    out.push_back(event);
  }
  return out;
}

/// The steps of training that TensorBoard shows: a START drops those from its own step on (event_accumulator.py,
/// _Purge).
std::vector<int64_t> shown_steps(const fs::path& path) {
  std::vector<int64_t> out;
  for (const auto& event : events_of(path)) {
    if (event.start) std::erase_if(out, [&](int64_t step) { return step >= event.step; });
    if (event.metrics && (out.empty() || out.back() != event.step))
      out.push_back(event.step);  // an evaluation has its iteration's
  }
  return out;
}

std::vector<int64_t> up_to(int64_t last) {
  std::vector<int64_t> out(static_cast<size_t>(last));
  for (int64_t i = 0; i < last; ++i) out[static_cast<size_t>(i)] = i + 1;
  return out;
}

class CliCrash : public Cli {
 protected:
  void resume(const std::string& more = "--set train.iterations=24") {
    result = monge(folder.path(), "resume run " + more);
    ASSERT_EQ(result.code, 0) << result.err;
  }
  testing::Result result;
};

TEST_F(CliCrash, ARunWhoseEventFileWasCutGoesOnInTensorBoard) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  const auto events = folder / kEvents;
  fs::resize_file(events, fs::file_size(events) - 5);
  resume();
  EXPECT_THAT(result.err, HasSubstr("monge: warning: events.out.tfevents.monge: its last "));
  EXPECT_THAT(result.err, HasSubstr("bytes are an incomplete record"));
  EXPECT_EQ(shown_steps(events), up_to(24));
  resume("--set train.iterations=30");  // a second time, without a crash
  EXPECT_THAT(result.err, Not(HasSubstr("warning: events")));
  EXPECT_EQ(shown_steps(events), up_to(30));
}

// Steps between the last checkpoint and the kill are in the file, and are made again.
TEST_F(CliCrash, AKilledRunShowsEachStepOnce) {
  testing::Running run(
      folder.path(),
      "'" MONGE_PROGRAM
      "' train v.toml --out run --set train.iterations=10000000 --set checkpoint.every=50 --set eval.every=0");
  ASSERT_TRUE(testing::appears(folder / "run/checkpoints/step_000050")) << run.err();
  ::kill(run.process(), SIGKILL);
  run.wait(60);
  const auto at = train::load_newest(folder / "run/checkpoints", silent()).iteration;
  const auto last = std::to_string(at + 7);
  resume("--set train.iterations=" + last);
  EXPECT_EQ(shown_steps(folder / kEvents), up_to(at + 7));
  int64_t expected = 0;
  std::istringstream lines(testing::slurp(folder / "run/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto entry = json::parse(line);
    if (entry.contains("eval")) continue;
    EXPECT_EQ(entry["iteration"], ++expected);
  }
  EXPECT_EQ(expected, at + 7);
}

// As a power failure leaves files: their ends are zeros, or missing.
TEST_F(CliCrash, FilesThatEndInZerosOrInAHalfLineAreMended) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  std::ofstream(folder / kEvents, std::ios::app | std::ios::binary) << std::string(4096, '\0');
  std::ofstream(folder / "run/log.txt", std::ios::app) << "12:00:00 stopped after iter";
  auto metrics = testing::slurp(folder / "run/metrics.jsonl");
  metrics[3] = '\0';  // in the first line
  std::ofstream(folder / "run/metrics.jsonl", std::ios::binary) << metrics << "{\"iteration\": 13, \"sec";
  resume();
  EXPECT_THAT(result.err, HasSubstr("its last 4096 bytes are zeros (a power failure); they were cut off"));
  EXPECT_THAT(
      result.err,
      HasSubstr("metrics.jsonl: dropped 1 line up to iteration 12 that could not be read (the first is line 1)"));
  EXPECT_EQ(shown_steps(folder / kEvents), up_to(24));
  int64_t iterations = 0;
  std::istringstream lines(testing::slurp(folder / "run/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) iterations += !json::parse(line).contains("eval");
  EXPECT_EQ(iterations, 23);
  EXPECT_THAT(testing::slurp(folder / "run/log.txt"), HasSubstr("stopped after iter\n"));
}

TEST_F(CliCrash, AnEventFileThatIsLostOrNoneBeginsAnew) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  std::ofstream(folder / kEvents, std::ios::binary) << "notes of mine";
  resume();
  EXPECT_THAT(result.err, HasSubstr("is not an event file; it was renamed to events.out.unreadable.monge"));
  EXPECT_EQ(testing::slurp(folder / "run/events.out.unreadable.monge"), "notes of mine");
  EXPECT_EQ(shown_steps(folder / kEvents).front(), 13);
  fs::remove(folder / kEvents);
  resume("--set train.iterations=30");
  EXPECT_EQ(shown_steps(folder / kEvents).front(), 25);
}

}  // namespace
}  // namespace monge
