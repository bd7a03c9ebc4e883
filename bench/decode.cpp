// bench_decode: times the steps from a JPEG file to a small square image, compared with libjpeg-turbo alone.
//
//   bench_decode [--json] [--files N] [--size N] [--rounds N] [--no-dots] [--keep FOLDER]
//
// It makes N JPEGs of about 100 x 100 (4:2:0, quality 90) and runs each step over all of them, `rounds` times, in one
// thread. The time of a step is the least processor time of its rounds, so that other programs have little effect. With
// --json it prints one line: NAME_per_second in images, and share, the images per second of `all` over those of `bare`.
//
// --no-dots resizes as on processors without AVX-512 VNNI.
//
//   bare       libjpeg-turbo as in its example: one object for all, defaults, from memory, one row per call
//   bare_read  the same, with the file read before
//   read       the file's bytes
//   decode     io::decode_image from memory
//   crop       the centre
//   resize     bicubic, after crop
//   all        read, decode, crop, to RGB and resize, one after the other for each image
#include <torch/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <map>
#include <random>

#include "bench/bare_jpeg.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/named_values.h"
#include "monge/data/crop.h"
#include "monge/io/image.h"
#include "monge/io/resample_dots.h"
#include "monge/io/resize.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

struct Command {
  bool json = false, no_dots = false;
  int64_t files = 2000, size = 64, rounds = 7;
  fs::path keep;
};

Command parse(const std::vector<std::string>& words) {
  Command out;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--json" || word == "--no-dots") {
      (word == "--json" ? out.json : out.no_dots) = true;
      continue;
    }
    require(word == "--files" || word == "--size" || word == "--rounds" || word == "--keep", "unknown option ", word,
            "; bench/decode.cpp lists them");
    require(i + 1 < words.size(), word, " needs a value");
    const auto& value = words[++i];
    if (word == "--keep") {
      out.keep = value;
      continue;
    }
    auto& number = word == "--files" ? out.files : word == "--size" ? out.size : out.rounds;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    require(read.ec == std::errc() && read.ptr == value.data() + value.size() && number >= 1, word, " ", value,
            ": expected a whole number, at least 1");
  }
  return out;
}

/// An image with smooth waves of each colour, a lighter disc with a hard edge, and a little grain.
torch::Tensor image(std::mt19937_64& random) {
  const auto uniform = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  const auto height = static_cast<int64_t>(uniform(90, 111)), width = static_cast<int64_t>(uniform(90, 111));
  struct Wave {
    double down, right, phase, height;
  };
  std::array<std::array<Wave, 5>, 3> waves;
  for (auto& colour : waves) {
    for (auto& wave : colour) wave = {uniform(-0.15, 0.15), uniform(-0.15, 0.15), uniform(0, 6.3), uniform(5, 30)};
  }
  const double y0 = uniform(20, 80), x0 = uniform(20, 80), radius = uniform(10, 35);
  std::normal_distribution<double> grain(0, 3);
  auto out = torch::empty({height, width, 3}, torch::kUInt8);
  auto* to = out.data_ptr<uint8_t>();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double all = grain(random) + (std::hypot(y - y0, x - x0) < radius ? 40 : 0);
      for (const auto& colour : waves) {
        double value = 110 + all;
        for (const auto& wave : colour) value += wave.height * std::sin(wave.down * y + wave.right * x + wave.phase);
        *to++ = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
      }
    }
  }
  return out;
}

/// The folder of the files; removed at the end unless the user named it.
struct Folder {
  explicit Folder(const fs::path& wanted)
      : path(wanted.empty() ? fs::temp_directory_path() / text("bench_decode-", ::getpid()) : wanted),
        keep(!wanted.empty()) {
    make_writable_folder(path);
  }
  ~Folder() {
    std::error_code ignored;
    if (!keep) fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  fs::path path;
  bool keep;
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Prints the rates of the steps.
/// @param names    the steps in their order.
/// @param seconds  of each step, for `count` files of `bytes` together.
void print(const Command& command, const std::vector<std::string>& names, const std::map<std::string, double>& seconds,
           size_t count, double bytes) {
  NamedValues record{{"files", static_cast<double>(count)},
                     {"bytes_per_file", bytes / static_cast<double>(count)},
                     {"size", static_cast<double>(command.size)},
                     {"dots", io::have_dots()}};
  for (const auto& name : names)
    record.emplace_back(name + "_per_second", static_cast<double>(count) / seconds.at(name));
  record.emplace_back("share", seconds.at("bare") / seconds.at("all"));
  if (command.json) {
    std::printf("%s\n", json_line(record).c_str());
    return;
  }
  for (const auto& name : names) {
    std::printf("%-9s %7.2f us an image, %5.1f %% of bare\n", name.c_str(),
                1e6 * seconds.at(name) / static_cast<double>(count), 100 * seconds.at(name) / seconds.at("bare"));
  }
  std::printf("images per second of all, over those of bare: %.3f\n", seconds.at("bare") / seconds.at("all"));
}

void run(const Command& command) {
  io::dots_allowed = !command.no_dots;
  const Folder folder(command.keep);
  const auto count = static_cast<size_t>(command.files);
  const data::Crop crop("centre");
  std::vector<fs::path> paths;
  std::vector<std::string> files;
  std::vector<torch::Tensor> decoded, cropped;
  std::mt19937_64 random(1);
  double bytes = 0;
  for (size_t i = 0; i < count; ++i) {
    paths.push_back(folder.path / text(i, ".jpg"));
    files.push_back(io::encode_jpeg(image(random), 90));
    fs::remove(paths.back());
    real_files().append(paths.back(), files.back());
    decoded.push_back(io::decode_image(files.back(), paths.back().string()));
    cropped.push_back(crop(decoded.back()));
    bytes += static_cast<double>(files.back().size());
  }

  bench::BareJpeg bare;
  int64_t seen = 0;  // depends on all results, so that the compiler can drop none
  const auto see = [&](const torch::Tensor& image) { seen += image.size(0); };
  const auto resized = [&](const torch::Tensor& image) {
    return io::resize_uint8(image, command.size, command.size, io::Filter::bicubic);
  };
  const auto read = [&](size_t i) { return real_files().read(paths[i]); };
  const std::vector<std::pair<std::string, std::function<void(size_t)>>> steps = {
      {"bare", [&](size_t i) { bare.decode(files[i]); }},
      {"bare_read", [&](size_t i) { bare.decode(read(i)); }},
      {"read", [&](size_t i) { seen += static_cast<int64_t>(read(i).size()); }},
      {"decode", [&](size_t i) { see(io::decode_image(files[i], "x.jpg")); }},
      {"crop", [&](size_t i) { see(crop(decoded[i])); }},
      {"resize", [&](size_t i) { see(resized(cropped[i])); }},
      {"all", [&](size_t i) { see(resized(io::to_rgb(crop(io::decode_image(read(i), "x.jpg"))))); }},
  };
  std::map<std::string, double> least;
  for (int64_t round = 0; round < command.rounds; ++round) {
    for (const auto& [name, step] : steps) {
      const double start = processor_seconds();
      for (size_t i = 0; i < count; ++i) step(i);
      const double took = processor_seconds() - start;
      const auto [at, fresh] = least.emplace(name, took);
      if (!fresh) at->second = std::min(at->second, took);
    }
  }
  require(seen > 0, "nothing was decoded");
  std::vector<std::string> names;
  for (const auto& entry : steps) names.push_back(entry.first);
  print(command, names, least, count, bytes);
}

}  // namespace
}  // namespace monge

int main(int count, char** words) {
  try {
    monge::run(monge::parse({words + 1, words + count}));
    return 0;
  } catch (const monge::Error& error) {
    std::fprintf(stderr, "bench_decode: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_decode: %s\n", error.what());
    return 1;
  }
}
