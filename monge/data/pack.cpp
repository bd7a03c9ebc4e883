#include "monge/data/pack.h"

#include <memory>
#include <numeric>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_survey.h"
#include "monge/data/member_path.h"
#include "monge/data/packed_set.h"
#include "monge/data/packer.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using Packers = std::vector<std::unique_ptr<Packer>>;

fs::path checked_destination(const fs::path& given) {
  auto destination = given.lexically_normal();
  if (!destination.has_filename()) destination = destination.parent_path();  // "DST/" is DST
  require(!destination.empty(), given.string(), ": is not a valid name for a new folder");
  return destination;
}

std::shared_ptr<const ImageCollection> open_to_pack(const fs::path& source, const PackOptions& options,
                                                    const LogSink& log, const std::atomic<bool>& stop) {
  auto images = open_image_collection(source, log);
  require(!options.encoded || !images->pixel_size(), source.string(),
          ": holds raw pixels instead of encoded files; leave out ", user_word("PackOptions::encoded"));
  const auto [set, members, all, choice] = member_path(source.string());
  if (options.encoded && !choice.groups.empty()) {
    throw InputError({.what = "files are kept whole, and chosen groups of drawings would be lost",
                      .where = source.string(),
                      .fix = "leave out " + user_word("PackOptions::encoded") + ", or choose the groups at training"});
  }
  if (is_packed_set(set)) {  // damage must not come out under new hashes
    const auto damaged = verify_packed_set(set, {}, stop);
    require(damaged.empty(), source.string(), ": is damaged:", listed(damaged, damaged.size()));
  }
  return images;
}

/// One for each set that is to be written: the chosen images, or the parts of options.split.
Packers make_packers(const ImageCollection& images, std::vector<int64_t> chosen, const fs::path& destination,
                     const PackOptions& options, const LogSink& log) {
  Packers out;
  if (options.split.empty()) {
    out.push_back(std::make_unique<Packer>(images, std::move(chosen), destination, options, log));
    return out;
  }
  require(!is_packed_set(destination), destination.string(), ": is a packed set, but ", user_word("PackOptions::split"),
          " creates sets inside DST; choose another DST");
  auto lists = assign_to_splits(images, chosen, options.split, options.split_by);
  for (size_t k = 0; k < lists.size(); ++k) {
    require(!lists[k].empty(), user_word("PackOptions::split"), ": none of ", chosen.size(), " images falls into \"",
            options.split[k].name, "\"; give it a larger fraction");
    out.push_back(
        std::make_unique<Packer>(images, std::move(lists[k]), destination / options.split[k].name, options, log));
  }
  return out;
}

[[noreturn]] void refuse_unusable(const fs::path& source, const std::vector<PackedPart>& parts, int64_t total) {
  std::vector<std::string> faults;
  io::NoteCounts notes;
  for (const auto& part : parts) {
    faults.insert(faults.end(), part.left_out.begin(), part.left_out.end());
    notes.add(part.notes);
  }
  constexpr size_t kMost = 1000;
  const auto odd = io::conversion_text(notes.converted);
  throw InputError(text(source.string(), ": ", faults.size(), " of ", total,
                        " images cannot be used; repair or remove them, or skip them with ",
                        user_word("PackOptions::on_error = \"skip\""), listed(faults, faults.size(), kMost),
                        odd.empty() ? "" : "\nother images can be used: " + odd));
}

}  // namespace

PackResult pack(const fs::path& source, const fs::path& given_destination, const PackOptions& given, const LogSink& log,
                const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop) {
  auto options = given;
  const bool measure = range_choice(options.preparation.range) == RangeChoice::automatic;
  if (measure) options.preparation.range = "full";  // until it is measured
  const auto destination = checked_destination(given_destination);
  // Bad options are found before the images are listed, which may take long.
  options.when_unusable();
  require(options.shard_bytes >= 1, "shard_bytes: must be 1 or more, got ", options.shard_bytes);
  const Preparation checked(options.preparation);
  const auto images = open_to_pack(source, options, log, stop);
  PackResult out;
  out.found = images->size();
  std::vector<int64_t> chosen(static_cast<size_t>(out.found));
  std::iota(chosen.begin(), chosen.end(), 0);
  for (const auto& rule : options.select) chosen = select_by_attribute(*images, chosen, rule, log);
  out.selected = static_cast<int64_t>(chosen.size());
  if (measure) options.preparation.range = measured_range(*images, chosen, source.string(), log, stop);
  if (measure && stop) {
    out.complete = false;
    return out;
  }

  const auto packers = make_packers(*images, std::move(chosen), destination, options, log);
  int64_t total = 0;
  for (const auto& packer : packers) total += packer->count();
  if (total < out.selected) {
    log(LogLevel::warning, text(user_word("PackOptions::split"), ": the fractions sum to less than 1, so ",
                                out.selected - total, " of ", out.selected, " images are in no part"));
  }
  int64_t done = 0;
  const auto add_progress = [&](int64_t more) {
    done += more;
    if (progress) progress(done, total);
  };
  bool complete = true;
  for (const auto& packer : packers) {
    out.parts.emplace_back();
    complete = packer->run(add_progress, stop, out.parts.back()) && complete;
  }
  out.complete = !stop;
  if (!complete && !stop) refuse_unusable(source, out.parts, total);
  return out;
}

}  // namespace monge::data
