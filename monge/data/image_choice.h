// Chooses images of a set by the parameters of its path: those on a list, one of several parts, groups of drawings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monge/data/spec.h"

namespace monge::data {

class ImageCollection;

/// The parameters "?names=FILE&part=k/n&groups=a,b*".
struct ImageChoice {
  /// A text file with a name in each line: as it is in the set, or without its extension. Empty lines and those that
  /// begin with '#' do not count. Empty: all images.
  std::string names = {};
  SetPart part = {};       ///< by the names of the images without their extensions
  bool by_sample = false;  ///< the part is chosen by the names of samples, since members of samples are chosen, too
  std::vector<std::string> groups = {};  ///< see io::DecodeOptions; empty: whole drawings

  bool is_all() const { return names.empty() && part.is_whole() && groups.empty(); }
};

/// The chosen images of a set in its order; the set itself if the choice is all of it.
/// @param where  the set, for messages.
/// @throws InputError for a list that cannot be read, is empty or has names that the set lacks; a part without images;
///     groups that no drawing has, or of a set without drawings.
std::shared_ptr<const ImageCollection> choose_images(std::shared_ptr<const ImageCollection> images,
                                                     const ImageChoice& choice, const std::string& where);

}  // namespace monge::data
