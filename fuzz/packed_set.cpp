// Fuzzes the reader of packed sets: the manifest, the shards and the files beside them. An input has several files,
// each begun by a line "=== NAME"; a line end before the next such line belongs to none.
#include "monge/data/packed_set.h"

#include <algorithm>
#include <array>

#include "fuzz/target.h"
#include "monge/core/names.h"
#include "monge/data/shard_record.h"

MONGE_FUZZ_TARGET(packed_set) {
  using namespace monge;
  static const fuzz::Folder folder;
  constexpr std::array<std::string_view, 7> kNames{"manifest.json",     "names.txt",        "content.npy",
                                                   "places.npy",        "pixels-00000.npy", "encoded-00000.tar",
                                                   "shard-00000.record"};
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) std::filesystem::remove(entry);
  constexpr std::string_view kMark = "=== ";
  while (input.starts_with(kMark)) {
    const auto name = fuzz::take_line(input).substr(kMark.size());
    const auto end = std::min(input.find("\n=== "), input.size());
    if (std::ranges::find(kNames, name) != kNames.end()) folder.file(std::string(name), input.substr(0, end));
    input.remove_prefix(std::min(end + 1, input.size()));
  }
  data::read_shard_record(data::shard_record_path(folder.path(), 0), true);
  fuzz::accepted([&] {
    const auto images = data::open_packed_set(folder.path());
    for (int64_t i = 0; i < std::min<int64_t>(images->size(), 8); ++i) {
      fuzz::accepted([&] { fuzz::expect(stays_inside(images->name(i))); });
      fuzz::accepted([&] { images->content(i); });
      fuzz::accepted([&] {
        std::string buffer;
        fuzz::expect(static_cast<int64_t>(images->bytes(i, buffer).size()) == images->length(i));
        io::ImageNotes notes;
        images->decode(i, notes, {.most_pixels = 1 << 16});
      });
    }
  });
}
