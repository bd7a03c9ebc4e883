// Commands that messages suggest must work when they are pasted into a shell.
#pragma once

#include <string>
#include <string_view>

namespace monge {

/// `word` as a POSIX shell takes it for one argument: as it stands where it is plain, else in single quotes.
std::string shell_quoted(std::string_view word);

}  // namespace monge
