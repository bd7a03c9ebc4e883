// Fuzzes the reader of statistics of features, which FID and KID are computed from. An input that is a safetensors file
// gets the hash that the format requires, because no change of its numbers would pass otherwise.
#include <algorithm>

#include "fuzz/target.h"
#include "monge/core/files.h"
#include "monge/eval/feature_statistics.h"
#include "monge/io/safetensors.h"

MONGE_FUZZ_TARGET(statistics) {
  using namespace monge;
  static const fuzz::Folder folder;
  io::TensorFile content;
  if (!fuzz::accepted([&] { content = io::parse_safetensors(input, "fuzzed"); })) return;
  std::ranges::sort(content.tensors, {}, [](const auto& named) { return named.first; });
  std::string hashes;
  for (const auto& [name, tensor] : content.tensors) hashes += name + content_hash(io::bytes_of(tensor));
  content.metadata["numbers"] = content_hash(hashes);
  const auto path = folder.file("fuzzed.safetensors", io::safetensors_bytes(content));
  eval::FeatureStatistics read;
  if (!fuzz::accepted([&] { read = eval::read_statistics(path); })) return;
  fuzz::expect(read.moments.count >= 2);
  eval::few_features_warning(read);
  fuzz::accepted([&] { eval::require_features(read); });
}
