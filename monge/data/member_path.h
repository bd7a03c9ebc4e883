// The parameters of a path of images: "NAME-{000..146}.tar?member=input.png" chooses images of samples, as WebDataset
// names the files of a sample; "FOLDER?names=LIST.txt&part=1/2&groups=line*" chooses others, see ImageChoice.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_choice.h"
#include "monge/data/name_list.h"

namespace monge::data {

struct MemberPath {
  std::string set;                   ///< the path without the choice: a folder, an archive, or shards in braces
  std::vector<std::string> members;  ///< in lower case; the first one that a sample has is taken; empty: no choice
  bool all = false;                  ///< "member=*": every image of every sample
  ImageChoice choice = {};           ///< the other parameters

  bool chooses_members() const { return all || !members.empty(); }
};

/// Splits `path` at its last '?', if a parameter of images follows. Only the text is examined, except that a path that
/// exists under its whole name has no parameters, and that a '?' after a folder or an archive must begin parameters of
/// images. Members are separated by ';', as in WebDataset: "?member=jpg;png"; parameters by '&'.
/// @throws InputError for "?member=" or "?groups=" without a name, a part that is not k/n, an unknown parameter.
MemberPath member_path(const std::string& path);

/// Splits a name at the first dot of its base name: "a/000.input.png" is the member "input.png" of the sample "a/000".
struct SampleName {
  std::string_view sample, member;
};
SampleName sample_name(std::string_view name);

/// Selects the images of a set that are the chosen members of their samples.
class MemberChoice {
 public:
  /// @param where  the set, for messages.
  MemberChoice(MemberPath path, std::string where) : path_(std::move(path)), where_(std::move(where)) {}

  /// Whether the image may be taken. Counts its member for messages.
  bool may_take(std::string_view name);

  /// The chosen images. If a sample has several of the chosen members, the first one is taken.
  /// @param order  positions in `names`, in the order of the names.
  /// @throws InputError listing the existing members, when images were offered and none was taken.
  std::vector<int64_t> choose(const NameList& names, std::vector<int64_t> order) const;

  /// Checks a WebDataset archive for which no member was chosen. If most samples have the same members, two images or
  /// more, they are pairs that must not be mixed. If that is not clear (numbered frames, names that happen to have
  /// dots), the log is warned.
  /// @throws InputError listing the members.
  void check_unchosen(const NameList& names, const std::vector<int64_t>& order, const LogSink& log) const;

 private:
  MemberPath path_;
  std::string where_;
  std::map<std::string, int64_t, std::less<>> seen_;  ///< the count of each member, for as many as a message can show
  int64_t taken_ = 0, offered_ = 0;
};

}  // namespace monge::data
