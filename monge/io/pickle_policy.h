// Which Python names a checkpoint may use. Nothing that a pickle names is ever imported or called, so the policy keeps
// no attacker out. It tells a checkpoint that carries a trainer's settings from a file that was made to run code, and
// refuses the second: the user's next tool may be torch.load.
#pragma once

#include <string_view>

namespace monge::io {

enum class NameKind {
  data,     ///< a class of Python, numpy or torch whose instances are data: argparse.Namespace, pathlib.PosixPath
  foreign,  ///< of another package or of the user's script: its objects are passed over, which the user learns
  refused,  ///< the rest of the standard library, of numpy and of torch; names and packages that run code
};

/// @param name  "module.attribute". A part that is empty is refused.
NameKind kind_of_name(std::string_view name);

}  // namespace monge::io
