// Selects images by their attributes, and assigns them to splits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/image_collection.h"

namespace monge::data {

/// The images among `among` whose attribute has a value, in their order.
/// @param rule  "FILE:ATTRIBUTE=VALUE". The file is a table of text with one row per image, whose first column is the
///              image's name (within the set, or without its folders). It is either a list_attr_celeba.txt (a line with
///              the count, a line with the attributes, rows separated by spaces), or a header and rows, separated by
///              commas, semicolons, tabs, bars or blanks, in any encoding of parse_text_table, possibly compressed. An
///              unnamed first column that counts the rows is an index; the images' names are then in the second column.
///              Values are compared as numbers if both are numbers, else as text.
/// @param log  is informed how many images are missing in the file; they are left out.
/// @throws InputError for a rule of another form, an attribute that the file lacks (with those that it has), a row of
///     another length, or when the file has no image of the set or no image has the value.
std::vector<int64_t> select_by_attribute(const ImageCollection& images, const std::vector<int64_t>& among,
                                         const std::string& rule, const LogSink& log);

/// A named fraction of a set.
struct SplitPart {
  std::string name;     ///< a valid name of a folder
  double fraction = 0;  ///< in (0, 1]
};

/// Parses "train=0.9,test=0.1". @throws InputError for another form, a name that cannot be a folder's, fractions above
/// 1 in all.
std::vector<SplitPart> parse_split(const std::string& text);

/// Assigns images to the parts. If the fractions sum to less than 1, the remaining images are in no part.
/// @param by  "name": by a hash of the image's name, so that an image keeps its part when others are added or removed;
///            the sizes of the parts are random. "order": the first images to the first part, and so on; the sizes are
///            exact.
/// @return a list for each part, each in the order of `images`.
std::vector<std::vector<int64_t>> assign_to_splits(const ImageCollection& images, const std::vector<int64_t>& among,
                                                   const std::vector<SplitPart>& parts, const std::string& by);

}  // namespace monge::data
