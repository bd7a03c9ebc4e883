// Which images of samples are meant: "NAME-{000..146}.tar?member=input.png", as WebDataset names the files of a sample.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/name_list.h"

namespace monge::data {

struct MemberPath {
  std::string set;                   ///< without the choice: a folder, an archive, or shards in braces
  std::vector<std::string> members;  ///< in lower case, the first that a sample has is taken; empty: none is chosen
  bool all = false;                  ///< "member=*": every image, whatever sample it is of
};

/// `path` taken apart at its last '?'. Only text is looked at, but that what exists under the whole name is meant.
/// Members are separated by ';', as in WebDataset: "?member=jpg;png".
/// @throws InputError for "?member=" without a name.
MemberPath member_path(const std::string& path);

/// "a/000.input.png" is the member "input.png" of the sample "a/000": what stands before and after the first dot of the
/// base name.
struct SampleName {
  std::string_view sample, member;
};
SampleName sample_name(std::string_view name);

/// Takes the images of a set that are the chosen members of their samples.
class MemberChoice {
 public:
  /// @param where  the set, for messages.
  MemberChoice(MemberPath path, std::string where) : path_(std::move(path)), where_(std::move(where)) {}

  /// Whether the image may be taken. Its member is noted for messages.
  bool may_take(std::string_view name);

  /// Of a sample with several of the chosen members the first chosen one.
  /// @param order  places in `names` in the order of the names.
  /// @throws InputError listing the members that there are, when images were offered and none was taken.
  std::vector<int64_t> choose(const NameList& names, std::vector<int64_t> order) const;

  /// Looks at a WebDataset archive for which no member was chosen. Most samples with the same members, two images or
  /// more, are pairs that must not be mixed. Where that is not clear (numbered frames, names that happen to have dots)
  /// the log is warned.
  /// @throws InputError listing the members.
  void check_unchosen(const NameList& names, const std::vector<int64_t>& order, const LogSink& log) const;

 private:
  MemberPath path_;
  std::string where_;
  std::map<std::string, int64_t, std::less<>> seen_;  ///< members and how many there are, as many as a message can show
  int64_t taken_ = 0, offered_ = 0;
};

}  // namespace monge::data
