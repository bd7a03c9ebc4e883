#include "monge/data/pack_manifest.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "monge/core/files.h"
#include "monge/core/version.h"
#include "monge/data/parallel.h"

namespace monge::data {
namespace {

using nlohmann::ordered_json;

ordered_json preparation_json(const PackOptions& options) {
  if (options.encoded) return nullptr;
  const auto& p = options.preparation;
  return {{"resize_to", p.resize_to}, {"crop", p.crop}, {"filter", p.filter}, {"background", p.background},
          {"grey", p.grey},           {"exif", p.exif}, {"range", p.range}};
}

/// The same without the newer keys that have their default value, so that sets packed before these keys existed are
/// recognised.
ordered_json input_preparation_json(const PackOptions& options) {
  auto out = preparation_json(options);
  if (out.is_object() && out["exif"] == "ignore") out.erase("exif");
  if (out.is_object() && out["range"] == "full") out.erase("range");
  return out;
}

}  // namespace

std::string input_manifest(const ImageCollection& images, const std::vector<int64_t>& chosen,
                           const PackOptions& options) {
  const auto count = static_cast<int64_t>(chosen.size());
  std::string names = images.whole_stamp() + '\n';
  std::vector<std::string> lines(chosen.size());
  // In parallel, since a stamp may be a call to the file system.
  for_each_parallel(count, [&] {
    return [&](int64_t k) {
      const int64_t i = chosen[static_cast<size_t>(k)];
      lines[static_cast<size_t>(k)] = packed_name_line(images.name(i)) + ' ' + images.stamp(i) + '\n';
    };
  });
  for (const auto& line : lines) names += line;
  const auto& p = options.preparation;
  return text(kPackedFormat, ' ', kPackedVersion, ", monge ", version(), '\n',
              options.encoded ? "encoded"
                              : text("pixels ", p.height, ' ', p.width, ' ', input_preparation_json(options).dump()),
              options.convert ? "" : " not converted", '\n', options.shard_bytes, '\n', content_hash(names), ' ', count,
              '\n');
}

std::string packed_manifest_text(const std::vector<PackedManifest::File>& shards,
                                 const std::vector<PackedManifest::File>& files, const PackedPart& part,
                                 const PackOptions& options) {
  ordered_json out{{"format", kPackedFormat},
                   {"version", kPackedVersion},
                   {"kind", options.encoded ? "encoded" : "pixels"},
                   {"count", part.images}};
  if (!options.encoded) {
    out["height"] = options.preparation.height;
    out["width"] = options.preparation.width;
    // A grey image with alpha takes colour from a background that has some.
    const auto background = io::parse_colour(options.preparation.background, "background");
    const bool colourless = background[0] == background[1] && background[1] == background[2];
    out["grey"] = options.preparation.grey || (colourless && part.notes.grey == part.images);
  }
  out["preparation"] = preparation_json(options);
  for (const auto& [key, list] : {std::pair{"shards", &shards}, {"files", &files}}) {
    out[key] = ordered_json::array();
    for (const auto& file : *list)
      out[key].push_back({{"file", file.name}, {"count", file.count}, {"bytes", file.bytes}, {"xxh3", file.xxh3}});
  }
  out["converted"] = io::conversion_text(part.notes.converted);
  out["noticed"] = io::note_lines(part.notes);
  out["left_out"] = part.left_out;
  return out.dump(1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace monge::data
