#include "monge/data/member_path.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kParameter = "?member=";

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

}  // namespace

MemberPath member_path(const std::string& path) {
  std::error_code ignored;
  const auto mark = path.rfind(kParameter);
  if (mark == std::string::npos || fs::exists(path, ignored)) return {.set = path, .members = {}};
  MemberPath out{.set = path.substr(0, mark), .members = {}};
  const auto chosen = path.substr(mark + kParameter.size());
  if (chosen == "*") {
    out.all = true;
    return out;
  }
  for (size_t begin = 0; begin <= chosen.size();) {
    const auto end = std::min(chosen.find(';', begin), chosen.size());
    auto member = lower(std::string_view(chosen).substr(begin, end - begin));
    if (member.starts_with('.')) member.erase(0, 1);  // accepts ".jpg" as well as "jpg"
    if (member.empty() || member.find('/') != std::string::npos) {
      throw InputError({.what = "names no member of a sample",
                        .where = path,
                        .value = '"' + chosen + '"',
                        .allowed = "what stands behind the first dot of the images' names",
                        .fix = "write for example ?member=input.png, ?member=jpg;png, or ?member=* for all images"});
    }
    out.members.push_back(std::move(member));
    begin = end + 1;
  }
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
    throw InputError({.what = "no image is the chosen member of its sample",
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
    throw InputError({.what = text(with_several, " of ", samples, " samples have several images, and none is chosen"),
                      .where = where_,
                      .allowed = printable(usual->first),
                      .fix = text("choose one with ?member=", printable(usual->first.substr(0, usual->first.find(','))),
                                  " behind the path, or take all images with ?member=*")});
  }
  log(LogLevel::warning, text(where_, ": ", with_several, with_several == 1 ? " name has" : " names have",
                              " several images that differ behind the first dot; all are used. Where they are the "
                              "members of WebDataset samples, "
                              "choose one with ?member=NAME behind the path"));
}

}  // namespace monge::data
