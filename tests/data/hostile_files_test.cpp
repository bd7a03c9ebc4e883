// Files from strangers that would fill the memory: the peak of a process that reads many of them on 64 threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "monge/core/cores.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/check.h"
#include "monge/data/image_collection.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/npz.h"
#include "monge/io/safetensors.h"
#include "monge/io/text_table.h"
#include "tests/io/drawings.h"
#include "tests/support/process_memory.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::repeated_text;
using testing::ScratchFolder;

constexpr int64_t kMega = int64_t{1} << 20, kBound = 192 * kMega;
constexpr int64_t kThreads = 64;
/// Beyond the bound: stacks and arenas of 64 threads, and what the libraries keep.
constexpr int64_t kSlack = 96 * kMega;
constexpr auto kFolder = "MONGE_TEST_HOSTILE_FOLDER";

std::string big_endian(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  return out;
}

std::string png_chunk(const std::string& name, const std::string& data) {
  const auto body = name + data;
  const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(static_cast<uint32_t>(sum));
}

std::string zlib_of(const std::string& bytes, int window) {
  z_stream zlib{};
  deflateInit2(&zlib, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&zlib, bytes.size()) + 64, '\0');
  zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  zlib.avail_in = static_cast<uInt>(bytes.size());
  zlib.next_out = reinterpret_cast<Bytef*>(out.data());
  zlib.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&zlib, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - zlib.avail_out);
  deflateEnd(&zlib);
  return out;
}

std::string gzip_of(const std::string& bytes) { return zlib_of(bytes, 15 + 16); }

/// A PNG of one pixel with `side` as width and height of its header, and with chunks after that.
std::string png_claiming(uint32_t side, const std::string& chunks = {}) {
  constexpr size_t kHeader = 8 + 25;
  const auto one = io::encode_png(torch::zeros({1, 1, 3}, torch::kUInt8));
  const auto header = png_chunk("IHDR", big_endian(side) + big_endian(side) + std::string("\x08\x02\0\0\0", 5));
  return one.substr(0, 8) + header + chunks + one.substr(kHeader);
}

/// The header of a file in a tar (ustar).
std::string tar_header(const std::string& name, int64_t bytes) {
  std::string out(512, '\0');
  out.replace(0, name.size(), name);
  out.replace(100, 7, "0000644");
  char size[13];
  std::snprintf(size, sizeof size, "%011llo", static_cast<unsigned long long>(bytes));
  out.replace(124, 11, size);
  out.replace(148, 8, "        ");
  out[156] = '0';
  out.replace(257, 8,
              std::string("ustar\0"
                          "00",
                          8));
  int64_t sum = 0;
  for (const unsigned char c : out) sum += c;
  char digits[8];
  std::snprintf(digits, sizeof digits, "%06llo", static_cast<unsigned long long>(sum));
  out.replace(148, 7, std::string(digits, 7));
  return out;
}

/// A zip of one deflated entry of `megabytes` MiB of zeros after `head`, whose directory claims `claimed` bytes.
std::string zip_bomb(const std::string& name, const std::string& head, int64_t megabytes, int64_t claimed) {
  const auto bytes = head + std::string(static_cast<size_t>(megabytes * kMega), '\0');
  const auto packed = zlib_of(bytes, -15);
  const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  const auto put = [](std::string& to, uint64_t value, int count) {
    for (int i = 0; i < count; ++i) to += static_cast<char>(value >> (8 * i));
  };
  std::string common;
  put(common, 20, 2), put(common, 0, 2), put(common, 8, 2), put(common, 0x00210000, 4), put(common, sum, 4);
  put(common, packed.size(), 4), put(common, static_cast<uint64_t>(claimed), 4), put(common, name.size(), 2);
  put(common, 0, 2);
  auto out = "PK\3\4" + common + name + packed;
  std::string end;
  put(end, 0, 4), put(end, 1, 2), put(end, 1, 2), put(end, 46 + name.size(), 4), put(end, out.size(), 4);
  put(end, 0, 2);
  std::string attributes(10, '\0');
  std::string place;
  put(place, 0, 4);
  return out + "PK\1\2" + std::string("\x14\0", 2) + common + attributes + place + name + "PK\5\6" + end;
}

void write(const fs::path& path, const std::string& bytes) { real_files().replace(path, bytes); }

void write_hostile_files(const fs::path& folder) {
  fs::create_directories(folder / "images");
  const auto bomb = io::encode_png(torch::zeros({2000, 2000, 4}, torch::kUInt8));  // 16 MB
  for (int64_t i = 0; i < kThreads; ++i) write(folder / text("images/bomb", i, ".png"), bomb);
  for (int64_t i = 0; i < 8; ++i) write(folder / text("images/claim", i, ".png"), png_claiming(60'000));
  const auto notes = png_chunk("zTXt", std::string("Comment\0\0", 9) + zlib_of(std::string(7'900'000, ' '), 15));
  for (int64_t i = 0; i < 4; ++i)
    write(folder / text("images/notes", i, ".png"), png_claiming(1, repeated_text(notes, 60)));

  fs::create_directories(folder / "drawings");
  for (int64_t i = 0; i < 16; ++i) {
    write(folder / text("drawings/tile", i, ".svg"), testing::vast_tile());
    write(folder / text("drawings/masks", i, ".svg"), testing::masks_of_masks());
  }

  fs::create_directories(folder / "one");
  fs::create_directories(folder / "large");
  write(folder / "one/a.png", png_claiming(1));
  write(folder / "large/0.png", std::string(static_cast<size_t>(40 * kMega), 'l'));
  for (int64_t i = 1; i < 24; ++i) fs::create_hard_link(folder / "large/0.png", folder / text("large/", i, ".png"));

  const auto zeros = gzip_of(std::string(static_cast<size_t>(kMega), '\0'));
  write(folder / "images.tar.gz", gzip_of(tar_header("a.png", 120 * kMega)) + repeated_text(zeros, 120) +
                                      gzip_of(tar_header("b.png", 120 * kMega)) + repeated_text(zeros, 120) + zeros);
  write(folder / "table.csv.gz", repeated_text(gzip_of(repeated_text("1,2\n", kMega / 4)), 400));

  const auto header = [](int64_t rows) { return io::npy_header(torch::kUInt8, {rows, 1}); };
  const auto head = header(8 * kMega);
  write(folder / "good.npz", zip_bomb("x.npy", head, 8, static_cast<int64_t>(head.size()) + 8 * kMega));
  write(folder / "huge.npz", zip_bomb("x.npy", header(int64_t{1} << 30), 1, int64_t{1} << 30));
  write(folder / "lies.npz", zip_bomb("x.npy", head, 64, 1000));
  write(folder / "shape.npy", io::npy_header(torch::kFloat32, {int64_t{1} << 62, 4}));
  const std::string json = R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}})";
  std::string length(8, '\0');
  length[0] = static_cast<char>(json.size());
  write(folder / "shape.safetensors", length + json + std::string(16, '\0'));
}

template <class Work>
void on_all_threads(const Work& work) {
  std::vector<std::jthread> pool;
  for (int64_t t = 0; t < kThreads; ++t) pool.emplace_back(work);
}

bool counts_as_error(const std::function<void()>& read) {
  try {
    read();
  } catch (const InputError&) {
    return true;
  }
  return false;
}

/// The child of the next test: a new process, whose peak is that of what is read here.
TEST(HostileFiles, DISABLED_Child) {
  const char* given = std::getenv(kFolder);
  if (!given) GTEST_SKIP() << "only run by HostileFiles.StayUnderTheBound";
  const fs::path folder = given;
  set_usable_cores(kThreads);
  io::set_decoding_memory(kBound);
  on_all_threads([] { io::decode_image(png_claiming(1), "one.png"); });  // what all threads need once
  const int64_t before = testing::process_bytes("VmRSS");
  const auto peak = [&](const char* what) {
    const int64_t most = testing::process_bytes("VmHWM") - before;
    std::cout << what << ": " << most / kMega << " MiB above " << before / kMega << " MiB\n";
    EXPECT_LE(most, kBound + kSlack) << what;
  };

  const auto report = check_images(folder / "images", {}, silent(), {}, std::atomic<bool>(false));
  EXPECT_EQ(report.corrupt.size(), 8);
  EXPECT_EQ(report.images, kThreads + 8 + 4);
  peak("images");
  int64_t most_drawing = 0;
  std::jthread watch([&](const std::stop_token& end) {
    for (; !end.stop_requested(); std::this_thread::sleep_for(std::chrono::milliseconds(5)))
      most_drawing = std::max(most_drawing, testing::children_bytes());
  });
  EXPECT_EQ(check_images(folder / "drawings", {}, silent(), {}, std::atomic<bool>(false)).corrupt.size(), 32);
  watch.request_stop();
  watch.join();
  std::cout << "processes that draw: " << most_drawing / kMega << " MiB\n";
  EXPECT_GT(most_drawing, kBound / 8) << "they are seen";
  EXPECT_LE(most_drawing, kBound + kSlack);
  peak("drawings");
  // 40 MiB each of files that are no images, which a comparison reads whole.
  EXPECT_EQ(check_images(folder / "one", folder / "large", silent(), {}, std::atomic<bool>(false)).against, 24);
  peak("images to compare with");
  EXPECT_THAT(message_of([&] { open_image_collection(folder / "images.tar.gz", silent()); }),
              HasSubstr("unpacks to more than"));
  peak("an archive");
  EXPECT_THAT(message_of([&] { io::read_text_table(folder / "table.csv.gz", {}); }),
              AllOf(HasSubstr("holds more than"), HasSubstr("MONGE_DECODE_MB")));
  peak("a table");
  std::atomic<int64_t> refused{0};
  on_all_threads([&] {
    EXPECT_EQ(io::read_npz(folder / "good.npz", "x").numel(), 8 * kMega);
    for (const char* name : {"huge.npz", "lies.npz"})
      refused += counts_as_error([&] { io::read_npz(folder / name, "x"); });
    refused += counts_as_error([&] { io::read_npy(folder / "shape.npy"); });
    refused += counts_as_error([&] { io::map_npy(folder / "shape.npy"); });
    refused += counts_as_error([&] { io::read_safetensors(folder / "shape.safetensors"); });
  });
  EXPECT_EQ(refused, 5 * kThreads);
  peak("arrays");
  EXPECT_EQ(io::held_decoding_memory(), 0);
}

TEST(HostileFiles, StayUnderTheBoundOnManyThreads) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  const ScratchFolder folder;
  write_hostile_files(folder.path());
  const auto program = fs::read_symlink("/proc/self/exe").string();
  const auto command =
      text(kFolder, "='", folder.path().string(), "' '", program,
           "' --gtest_filter=HostileFiles.DISABLED_Child --gtest_also_run_disabled_tests --gtest_output=");
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(HostileFiles, TheBoundIsAWholeNumberOfTheEnvironment) {
  if (!fs::exists(MONGE_PROGRAM)) GTEST_SKIP() << "needs the program " << MONGE_PROGRAM << ", which is not built";
  const ScratchFolder folder;
  fs::create_directories(folder / "images");
  write(folder / "images/a.png", io::encode_png(torch::zeros({8, 8, 3}, torch::kUInt8)));
  const auto check = [&](const std::string& value) {
    const auto out = folder / "out.txt";
    const auto command = text("MONGE_DECODE_MB=", value, " '", MONGE_PROGRAM, "' data check '",
                              (folder / "images").string(), "' > '", out.string(), "' 2>&1");
    const int status = std::system(command.c_str());
    return text(WEXITSTATUS(status), ' ', real_files().read(out));
  };
  EXPECT_THAT(check("lots"), AllOf(HasSubstr("2 "), HasSubstr("MONGE_DECODE_MB"), HasSubstr("not a size in MiB")));
  EXPECT_THAT(check("4"), HasSubstr("a whole number from 16"));
  EXPECT_THAT(check("64"), HasSubstr("images"));
}

}  // namespace
}  // namespace monge::data
