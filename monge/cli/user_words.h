// The flags and commands for the options and functions that the library's messages name.
#pragma once

namespace monge::cli {

/// Installs the table. Call it once, before anything else of the library.
void install_user_words();

}  // namespace monge::cli
