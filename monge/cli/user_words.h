// The flags and commands for the options and functions that the library's messages name.
#pragma once

namespace monge::cli {

/// Installs the table. Call it once, before anything else of the library.
void install_user_words();

/// Replaces the flags of a translation by the keys of a request, for a server: "samples" in place of "--samples". Call
/// it before other threads exist.
void install_serve_words();

}  // namespace monge::cli
