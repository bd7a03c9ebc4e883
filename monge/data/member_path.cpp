#include "monge/data/member_path.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/spec.h"
#include "monge/io/archive.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kParameters = {"member", "groups", "names", "part"};

std::string lower(std::string_view letters) {
  std::string out(letters);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Whether the member is a frame's number, as in "0001.png", and no name.
bool is_numbered(std::string_view member) {
  const auto stem = member.substr(0, member.rfind('.'));
  return !stem.empty() && std::all_of(stem.begin(), stem.end(), [](unsigned char c) {
    return std::isdigit(c) || c == '.' || c == '_' || c == '-';
  });
}

/// The '?' before the parameters of images; npos if there are none.
size_t parameters_at(const std::string& path) {
  const auto mark = path.rfind('?');
  if (mark == std::string::npos) return mark;
  const auto key = std::string_view(path).substr(mark + 1, path.find('=', mark) - mark - 1);
  if (std::find(kParameters.begin(), kParameters.end(), key) != kParameters.end()) return mark;
  // A misspelt parameter of images would otherwise be reported as a path that does not exist.
  const fs::path set = path.substr(0, mark);
  std::error_code ignored;
  const bool holds_images = (fs::is_directory(set, ignored) && lower_extension(set) != ".parquet") ||
                            (io::has_archive_extension(set) && fs::exists(set, ignored));
  return holds_images && path.find('=', mark) != std::string::npos ? mark : std::string::npos;
}

/// The words of a list; @return an empty one if a word is empty.
std::vector<std::string> words_of(const std::string& list, char separator) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= list.size();) {
    const auto end = std::min(list.find(separator, begin), list.size());
    if (end == begin) return {};
    out.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::vector<std::string> members_of(const std::string& chosen, const std::string& path) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin <= chosen.size();) {
    const auto end = std::min(chosen.find(';', begin), chosen.size());
    auto member = lower(std::string_view(chosen).substr(begin, end - begin));
    if (member.starts_with('.')) member.erase(0, 1);  // accepts ".jpg" as well as "jpg"
    if (member.empty() || member.find('/') != std::string::npos) {
      throw InputError({.what = "names no member of a sample",
                        .where = path,
                        .value = '"' + chosen + '"',
                        .allowed = "the part of an image's name after the first dot",
                        .fix = "write for example ?member=input.png, ?member=jpg;png, or ?member=* for all images"});
    }
    out.push_back(std::move(member));
    begin = end + 1;
  }
  return out;
}

}  // namespace

MemberPath member_path(const std::string& path) {
  std::error_code ignored;
  const auto mark = parameters_at(path);
  if (mark == std::string::npos || fs::exists(path, ignored)) return {.set = path, .members = {}};
  Spec spec(path, mark);
  MemberPath out{.set = path.substr(0, mark), .members = {}};
  if (const auto chosen = spec.word("member", "*"); chosen != "*") {
    out.members = members_of(chosen, path);
  } else {
    out.all = spec.has("member");
  }
  out.choice.groups = words_of(spec.word("groups", ""), ',');
  out.choice.names = spec.word("names", "");
  out.choice.part = spec.part("part");
  out.choice.by_sample = !out.members.empty();
  spec.refuse_unknown();
  if (spec.has("groups") && out.choice.groups.empty()) {
    throw InputError({.what = "names no group of a drawing",
                      .where = path,
                      .allowed = "ids of the top-level groups of SVG files, separated by commas",
                      .fix = "write for example ?groups=line,colour or ?groups=line* for all that begin with line"});
  }
  require(!spec.has("names") || !out.choice.names.empty(), path, ": names= needs a file that lists names of images");
  return out;
}

SampleName sample_name(std::string_view name) {
  const auto slash = name.rfind('/');
  const auto base = slash == std::string_view::npos ? 0 : slash + 1;
  const auto dot = std::min(name.find('.', base), name.size());
  return {name.substr(0, dot), name.substr(std::min(dot + 1, name.size()))};
}

bool MemberChoice::may_take(std::string_view name) {
  if (path_.members.empty()) return true;
  const auto member = lower(sample_name(name).member);
  ++offered_;
  if (seen_.size() < kMostListed || seen_.contains(member)) ++seen_[member];
  const bool take = std::count(path_.members.begin(), path_.members.end(), member) > 0;
  taken_ += take;
  return take;
}

std::vector<int64_t> MemberChoice::choose(const NameList& names, std::vector<int64_t> order) const {
  if (path_.members.empty()) return order;
  if (taken_ == 0 && offered_ > 0) {
    std::vector<std::string> there, bare;
    for (const auto& [member, count] : seen_) {
      bare.push_back(member);
      there.push_back(text(shown(member), " (", count, ')'));
    }
    const auto hint = suggestion(path_.members[0], bare);
    throw InputError({.what = "no sample has the chosen member",
                      .where = where_,
                      .value = "?member=" + join(path_.members, ";"),
                      .allowed = join(there),
                      .fix = hint.empty() ? "choose one of these" : hint});
  }
  if (path_.members.size() == 1) return order;
  const auto rank = [&](std::string_view name) {
    return std::find(path_.members.begin(), path_.members.end(), lower(sample_name(name).member)) -
           path_.members.begin();
  };
  std::vector<int64_t> out;  // the names of one sample are adjacent, because all begin with it and a dot
  for (const int64_t at : order) {
    if (out.empty() || sample_name(names[out.back()]).sample != sample_name(names[at]).sample) {
      out.push_back(at);
    } else if (rank(names[at]) < rank(names[out.back()])) {
      out.back() = at;
    }
  }
  return out;
}

void MemberChoice::check_unchosen(const NameList& names, const std::vector<int64_t>& order, const LogSink& log) const {
  if (!path_.members.empty() || path_.all) return;
  constexpr size_t kMostMembers = 16;  // a sample with more images is not a tuple to choose from
  int64_t samples = 0, with_several = 0;
  std::map<std::string, int64_t> forms;  // the members of a sample, joined, and how many samples have just these
  for (size_t begin = 0, end; begin < order.size(); begin = end) {
    const auto sample = sample_name(names[order[begin]]).sample;
    std::string form;
    bool numbered = true;
    for (end = begin; end < order.size(); ++end) {
      const auto [own, member] = sample_name(names[order[end]]);
      if (own != sample) break;
      numbered = numbered && is_numbered(member);
      if (end - begin < kMostMembers) form += text(end == begin ? "" : ", ", lower(member));
    }
    ++samples;
    if (end - begin < 2) continue;
    ++with_several;
    if (numbered || end - begin > kMostMembers) continue;
    if (forms.size() < 1000 || forms.contains(form)) ++forms[form];
  }
  if (with_several == 0) return;
  const auto usual =
      std::max_element(forms.begin(), forms.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (usual != forms.end() && 2 * usual->second >= samples) {
    throw InputError(
        {.what = text(with_several, " of ", samples, " samples have several images, and none is chosen"),
         .where = where_,
         .allowed = printable(usual->first),
         .fix = text("choose one by adding ?member=", printable(usual->first.substr(0, usual->first.find(','))),
                     " to the path, or use all images with ?member=*")});
  }
  log(LogLevel::warning, text(where_, ": ", with_several, with_several == 1 ? " name has" : " names have",
                              " several images whose names differ after the first dot; all are used. If they are "
                              "members of WebDataset samples, choose one by adding ?member=NAME to the path"));
}

}  // namespace monge::data
