#include "monge/data/image_source_kinds.h"

#include <algorithm>
#include <memory>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/data/image_collection_kinds.h"

namespace monge::data {
namespace {

std::shared_ptr<const Source> open_images(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = std::make_shared<ImageSource>(options.path, options.images, progress, log);
  if (const auto left_out = source->open_report().left_out; !left_out.empty()) {
    log(LogLevel::warning, text(source->name(), ": ", left_out.size(),
                                " images cannot be used and are left out:", listed(left_out, left_out.size())));
  }
  if (!source->is_quick() && options.images.cache_mb > 0) {
    log(LogLevel::warning, text(source->name(), ": the images do not fit in cache_mb = ", options.images.cache_mb,
                                " and are decoded at each use; raise it if memory allows, or prepare them once with ",
                                user_word("data::pack()")));
  }
  return source;
}

}  // namespace

std::vector<SourceKind> image_source_kinds() {
  std::vector<SourceKind> out;
  for (const auto& kind : image_collection_kinds()) {
    out.push_back({.name = kind.name,
                   .help = kind.help,
                   .accepted = kind.accepted,
                   .place = kind.place,
                   .matches = kind.matches,
                   .open = open_images});
  }
  return out;
}

bool names_images(const std::string& path) {
  const auto& kinds = image_collection_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.matches(path); });
}

}  // namespace monge::data
