#include "monge/data/image_choice.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <set>
#include <unordered_map>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/image_collection.h"
#include "monge/data/member_path.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/svg_markup.h"

namespace monge::data {
namespace {

/// Some images of a set, and of drawings some groups.
class ChosenImages : public ImageCollection {
 public:
  ChosenImages(std::shared_ptr<const ImageCollection> all, std::vector<int64_t> chosen, std::vector<std::string> groups)
      : all_(std::move(all)), chosen_(std::move(chosen)), groups_(std::move(groups)) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::string name(int64_t i) const override { return all_->name(at(i)); }
  std::string where(int64_t i) const override { return all_->where(at(i)); }
  std::string_view bytes(int64_t i, std::string& buffer) const override { return all_->bytes(at(i), buffer); }
  int64_t length(int64_t i) const override { return all_->length(at(i)); }
  std::string stamp(int64_t i) const override { return all_->stamp(at(i)); }
  std::string whole_stamp() const override {
    return groups_.empty() ? all_->whole_stamp() : text(all_->whole_stamp(), "\ngroups ", join(groups_));
  }
  torch::Tensor decode(int64_t i, std::string_view bytes, const io::DecodeOptions& options,
                       io::ImageNotes& notes) const override {
    if (groups_.empty()) return all_->decode(at(i), bytes, options, notes);
    auto own = options;
    own.groups = groups_;
    return all_->decode(at(i), bytes, own, notes);
  }
  uint64_t content(int64_t i) const override { return all_->content(at(i)); }
  std::optional<PixelSize> pixel_size() const override { return all_->pixel_size(); }
  bool known_grey() const override { return all_->known_grey(); }
  void copy_pixels(int64_t i, uint8_t* to) const override { all_->copy_pixels(at(i), to); }

 private:
  int64_t at(int64_t i) const { return chosen_[static_cast<size_t>(i)]; }

  std::shared_ptr<const ImageCollection> all_;
  std::vector<int64_t> chosen_;
  std::vector<std::string> groups_;
};

/// "a/b" of "a/b.svg".
std::string without_extension(const std::string& name) {
  return std::filesystem::path(name).replace_extension().generic_string();
}

std::vector<std::string> listed_names(const std::string& file) {
  constexpr int64_t kMostBytes = int64_t{1} << 30;
  const auto all = real_files().read(file, kMostBytes);
  std::vector<std::string> out;
  for (size_t begin = 0; begin < all.size();) {
    const auto end = std::min(all.find('\n', begin), all.size());
    auto line = all.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && line[0] != '#') out.push_back(std::move(line));
    begin = end + 1;
  }
  require(!out.empty(), file, ": lists no names; write the name of an image in each line");
  return out;
}

/// The images that a file lists, in the order of the set.
std::vector<int64_t> on_list(const ImageCollection& images, const std::string& file, const std::string& where) {
  std::unordered_map<std::string, std::vector<int64_t>> by_name;
  for (int64_t i = 0; i < images.size(); ++i) {
    const auto name = images.name(i);
    by_name[name].push_back(i);
    if (const auto stem = without_extension(name); stem != name) by_name[stem].push_back(i);
  }
  std::vector<int64_t> out;
  std::vector<std::string> lacking;
  for (const auto& name : listed_names(file)) {
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      lacking.push_back(shown(name));
    } else {
      out.insert(out.end(), found->second.begin(), found->second.end());
    }
  }
  require(lacking.empty(), file, ": lists ", lacking.size(), " names that no image of ", where, " has",
          listed(lacking, lacking.size()));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Checks that some drawing has a chosen group, so that a misspelt one is not reported for each image of the set.
void require_groups(const ImageCollection& images, const std::vector<int64_t>& chosen,
                    const std::vector<std::string>& groups, const std::string& where) {
  std::set<std::string> known;
  bool drawings = false;
  for (const int64_t i : chosen) {
    const io::DecodingMemory memory;
    std::string buffer;
    try {
      const auto bytes = images.bytes(i, buffer);
      if (!io::is_svg(bytes)) continue;
      drawings = true;
      for (const auto& id : io::read_svg_markup(bytes).groups) {
        if (io::is_chosen_group(id, groups)) return;
        known.insert(id);
      }
    } catch (const InputError&) {
      // The fault is reported when the image is used.
    }
  }
  require(drawings, where, ": holds no SVG drawings, and ?groups= chooses groups of such drawings");
  constexpr size_t kMostShown = 20;
  std::vector<std::string> some(known.begin(), known.end());
  if (some.size() > kMostShown) some.resize(kMostShown);
  throw InputError({.what = "no drawing has any of the chosen groups",
                    .where = where,
                    .value = join(groups),
                    .allowed = some.empty() ? "the drawings have no top-level groups with an id" : join(some),
                    .fix = suggestion(groups[0], some)});
}

}  // namespace

std::shared_ptr<const ImageCollection> choose_images(std::shared_ptr<const ImageCollection> images,
                                                     const ImageChoice& choice, const std::string& where) {
  if (choice.is_all()) return images;
  require(choice.groups.empty() || !images->pixel_size(), where,
          ": holds raw pixels, which have no groups; choose groups when packing");
  std::vector<int64_t> chosen(static_cast<size_t>(images->size()));
  std::iota(chosen.begin(), chosen.end(), 0);
  if (!choice.names.empty()) chosen = on_list(*images, choice.names, where);
  const auto before = chosen.size();
  // Partners, such as 1.jpg of one set and 1.png of another, fall into the same part.
  std::erase_if(chosen, [&](int64_t i) {
    const auto name = images->name(i);
    return !choice.part.holds(choice.by_sample ? std::string(sample_name(name).sample) : without_extension(name));
  });
  require(!chosen.empty(), where, ": part ", choice.part.index, "/", choice.part.count, " of its ", before,
          " images is empty; use fewer parts");
  if (!choice.groups.empty()) require_groups(*images, chosen, choice.groups, where);
  return std::make_shared<ChosenImages>(std::move(images), std::move(chosen), choice.groups);
}

}  // namespace monge::data
