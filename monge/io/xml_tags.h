// Steps through the tags of an XML text without a parser.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

/// What XML counts as space.
inline constexpr std::string_view kXmlSpace = " \t\r\n";

/// Steps through the tags of an XML text, and passes over comments, CDATA and instructions. It must find the tags that
/// libxml2 finds in any text that libxml2 accepts: whoever writes a file may try to hide some.
class XmlTags {
 public:
  /// @param text  outlives this object.
  explicit XmlTags(std::string_view text) : text_(text) {}

  /// Goes to the next tag. @return false at the end, or where the text is malformed.
  bool next();

  std::string_view name() const { return name_; }  ///< without its prefix
  bool is_end() const { return is_end_; }          ///< "</g>"
  bool is_empty() const { return is_empty_; }      ///< "<g/>"
  std::string_view attributes() const { return attributes_; }
  /// What stands between the tag before and this one, with comments and CDATA as they are written.
  std::string_view text_before() const { return text_.substr(last_end_, begin_ - last_end_); }
  const std::string& declarations() const { return declarations_; }

  /// The values of the attributes of the tag that have this name, with any prefix.
  std::vector<std::string_view> values(std::string_view wanted) const;

 private:
  bool pass_declaration();
  bool read_tag();

  std::string_view text_, name_, attributes_;
  std::string declarations_;
  size_t at_ = 0, begin_ = 0, last_end_ = 0;
  bool is_end_ = false, is_empty_ = false;
};

}  // namespace monge::io
