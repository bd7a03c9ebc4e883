// Which images are used: by their attributes, and by the part that they are dealt to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_collection.h"

namespace monge::data {

/// The images among `among` whose attribute has a value, in their order.
/// @param rule  "FILE:ATTRIBUTE=VALUE". The file is a table of text with a row an image, whose first column is its name
/// (within
///              the set, or without its folders): a list_attr_celeba.txt (a line with the count, a line with the
///              attributes, rows between spaces), or a line of names and rows below it, between commas, semicolons,
///              tabs, bars or blanks, in any encoding of parse_text_table, perhaps compressed. An unnamed first column
///              that counts the rows is an index: the images' names are then in the second. Values are compared as
///              numbers where both are, else as text.
/// @param log   told how many images the file does not know; they are left out.
/// @throws InputError for a rule of another form, an attribute that the file lacks (with those that it has), a row of
/// another length, or
///         when the file knows no image or no image has the value.
std::vector<int64_t> select_by_attribute(const ImageCollection& images, const std::vector<int64_t>& among,
                                         const std::string& rule, const LogSink& log);

/// A named share of a set.
struct SplitPart {
  std::string name;  ///< of a folder
  double share = 0;  ///< in (0, 1]
};

/// "train=0.9,test=0.1". @throws InputError for another form, a name that is no name of a folder, shares beyond 1 in
/// all.
std::vector<SplitPart> parse_split(const std::string& text);

/// Deals images to the parts. What is left over where the shares are less than 1 goes to none.
/// @param by  "name": by a hash of the image's name, so that an image stays in its part when others come or go; the
/// parts are as
///            large as their shares to chance. "order": the first ones to the first part, and so on; exact.
/// @return a list for each part, each in the order of `images`.
std::vector<std::vector<int64_t>> assign_to_splits(const ImageCollection& images, const std::vector<int64_t>& among,
                                                   const std::vector<SplitPart>& parts, const std::string& by);

}  // namespace monge::data
