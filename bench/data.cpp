// bench_data: how fast images are packed, and how fast a packed set is opened and read.
//
//   bench_data FOLDER SCRATCH [--json] [--size N] [--rounds N]
//
// FOLDER holds JPEGs. With --json it prints one line with these keys:
//
//   bare_per_second      images decoded by libjpeg-turbo alone from memory, in one thread (see bare_jpeg.h)
//   bare_all_per_second  the same in as many threads as there are cores
//   bare_read_per_second the same, including the reading of the files
//   pack_per_second      images packed (listed, read, hashed, decoded, cropped, resized, written, synced) by all cores
//   share                pack_per_second / bare_read_per_second: both begin with the files of the folder
//   share_memory         pack_per_second / bare_all_per_second
//   open_seconds         time to open the packed set as a source
//   ordered_per_second   images read as bytes in batches of 256, in one thread, in order
//   shuffled_per_second  the same in random order
//   rise_mb              the largest growth of resident memory (anonymous and mapped) while they were read
//
// Each value is the best of `rounds`; the set is in the system's cache. For one core: taskset -c 0 bench_data ...
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "bench/bare_jpeg.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/named_values.h"
#include "monge/data/image_collection.h"
#include "monge/data/images.h"
#include "monge/data/pack.h"
#include "monge/data/parallel.h"
#include "monge/data/sampler.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

struct Command {
  fs::path folder, scratch;
  bool json = false;
  int64_t size = 64, rounds = 3;
};

Command parse(const std::vector<std::string>& words) {
  Command out;
  std::vector<std::string> paths;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--json") {
      out.json = true;
    } else if (word == "--size" || word == "--rounds") {
      require(i + 1 < words.size(), word, " needs a value");
      const auto& value = words[++i];
      auto& number = word == "--size" ? out.size : out.rounds;
      const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
      require(read.ec == std::errc() && read.ptr == value.data() + value.size() && number >= 1, word, " ", value,
              ": expected a whole number, at least 1");
    } else {
      require(!word.starts_with("-"), "unknown option ", word, "; bench/data.cpp lists them");
      paths.push_back(word);
    }
  }
  require(paths.size() == 2, "usage: bench_data FOLDER SCRATCH [--json] [--size N] [--rounds N]");
  out.folder = paths[0];
  out.scratch = paths[1];
  return out;
}

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// The resident memory of the process in MiB, including mapped files.
double resident() {
  const auto words = real_files().read("/proc/self/statm");
  long long whole = 0, held = 0;
  require(std::sscanf(words.c_str(), "%lld %lld", &whole, &held) == 2, "/proc/self/statm is not what it was");
  return static_cast<double>(held) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

/// Images per second that `batch` returns over the whole set.
template <class Batch>
double rate_of(int64_t count, const Batch& batch, double& rise, double before) {
  constexpr int64_t kBatch = 256;
  const double began = now();
  int64_t seen = 0;
  for (int64_t begin = 0; begin < count; begin += kBatch) {
    const auto items = batch(begin / kBatch, std::min(kBatch, count - begin));
    seen += items.size(0);
    if (begin % (16 * kBatch) == 0) rise = std::max(rise, resident() - before);
  }
  require(seen == count, "images are missing");
  return static_cast<double>(count) / (now() - began);
}

struct Rates {
  double bare = 0, bare_all = 0, bare_read = 0, pack = 0, open_seconds = 1e9, ordered = 0, shuffled = 0, rise = 0;
};

/// Times libjpeg-turbo alone: in one thread, in all threads, and in all threads with the reading of the files.
void time_decoding(const data::ImageCollection& images, int64_t rounds, Rates& rates) {
  const int64_t count = images.size();
  std::vector<std::string> files;
  std::string buffer;
  for (int64_t i = 0; i < count; ++i) files.emplace_back(images.bytes(i, buffer));
  bench::BareJpeg bare;
  for (int64_t round = 0; round < rounds; ++round) {
    double began = now();
    for (const auto& bytes : files) bare.decode(bytes);
    rates.bare = std::max(rates.bare, static_cast<double>(count) / (now() - began));
    began = now();
    data::for_each_parallel(count, [&] {
      return [&, own = std::make_shared<bench::BareJpeg>()](int64_t i) { own->decode(files[static_cast<size_t>(i)]); };
    });
    rates.bare_all = std::max(rates.bare_all, static_cast<double>(count) / (now() - began));
    began = now();
    data::for_each_parallel(count, [&] {
      return [&, own = std::make_shared<bench::BareJpeg>()](int64_t i) {
        std::string bytes;
        images.bytes(i, bytes);
        own->decode(bytes);
      };
    });
    rates.bare_read = std::max(rates.bare_read, static_cast<double>(count) / (now() - began));
  }
}

/// Times the opening and the reading of a packed set of `count` images.
void time_packed_set(const fs::path& packed, int64_t count, const Command& command, Rates& rates) {
  std::shared_ptr<const data::Source> source;
  for (int64_t round = 0; round < command.rounds; ++round) {
    const double began = now();
    source = std::make_shared<data::ImageSource>(packed, data::ImageOptions{.size = command.size});
    rates.open_seconds = std::min(rates.open_seconds, now() - began);
  }
  const data::Sampler sampler(source, 1, "source");
  const double before = resident();
  for (int64_t round = 0; round < command.rounds; ++round) {
    const auto in_order = [&](int64_t step, int64_t n) {
      std::vector<int64_t> indices(static_cast<size_t>(n));
      std::iota(indices.begin(), indices.end(), step * 256);
      return source->stored_items(indices);
    };
    rates.ordered = std::max(rates.ordered, rate_of(count, in_order, rates.rise, before));
    const auto as_trained = [&](int64_t step, int64_t n) { return sampler.stored_batch(step, n); };
    rates.shuffled = std::max(rates.shuffled, rate_of(count, as_trained, rates.rise, before));
  }
}

void run(const Command& command) {
  const auto images = data::open_image_collection(command.folder, silent());
  const int64_t count = images->size();
  const auto cores = static_cast<double>(std::max(1u, std::thread::hardware_concurrency()));
  Rates rates;
  time_decoding(*images, command.rounds, rates);
  const auto packed = command.scratch / "packed";
  data::PackOptions options;
  options.preparation.height = options.preparation.width = command.size;
  const std::atomic<bool> stop{false};
  for (int64_t round = 0; round < command.rounds; ++round) {
    fs::remove_all(packed);
    const double began = now();
    data::pack(command.folder, packed, options, silent(), {}, stop);
    rates.pack = std::max(rates.pack, static_cast<double>(count) / (now() - began));
  }
  time_packed_set(packed, count, command, rates);
  fs::remove_all(packed);
  const NamedValues record{{"pictures", count},
                           {"size", command.size},
                           {"cores", cores},
                           {"bare_per_second", rates.bare},
                           {"bare_all_per_second", rates.bare_all},
                           {"bare_read_per_second", rates.bare_read},
                           {"pack_per_second", rates.pack},
                           {"share", rates.pack / rates.bare_read},
                           {"share_memory", rates.pack / rates.bare_all},
                           {"open_seconds", rates.open_seconds},
                           {"ordered_per_second", rates.ordered},
                           {"shuffled_per_second", rates.shuffled},
                           {"rise_mb", rates.rise}};
  if (command.json) {
    std::printf("%s\n", json_line(record).c_str());
    return;
  }
  std::printf(
      "bare libjpeg-turbo  %.0f images a second in one thread, %.0f on all cores, %.0f with the files read\n"
      "packing             %.0f a second on %.0f cores: %.2f of the bare loop that reads the files\n"
      "opening             %.1f ms for %lld images\n"
      "reading             %.0f a second in order, %.0f shuffled, in one thread; memory rose by %.0f MiB\n",
      rates.bare, rates.bare_all, rates.bare_read, rates.pack, cores, rates.pack / rates.bare_read,
      1e3 * rates.open_seconds, static_cast<long long>(count), rates.ordered, rates.shuffled, rates.rise);
}

}  // namespace
}  // namespace monge

int main(int argc, char** argv) {
  try {
    monge::run(monge::parse({argv + 1, argv + argc}));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_data: %s\n", error.what());
    return 2;
  }
}
