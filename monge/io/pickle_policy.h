// Decides which Python names a checkpoint may use. No name of a pickle is ever imported or called, so the policy is no
// defence against an attack on monge. It distinguishes a checkpoint with a trainer's settings from a file that was made
// to run code, and refuses the second, because the user's next tool may be torch.load.
#pragma once

#include <string_view>

namespace monge::io {

enum class NameKind {
  data,     ///< a class of Python, numpy or torch whose instances are data: argparse.Namespace, pathlib.PosixPath
  foreign,  ///< a class of another package or of the user's script: its objects are skipped, and the user is warned
  refused,  ///< the rest of the standard library, of numpy and of torch; names and packages that run code
};

/// @param name  "module.attribute". A name with an empty part is refused.
NameKind kind_of_name(std::string_view name);

}  // namespace monge::io
