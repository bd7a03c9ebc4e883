// A fetch that is stopped, or refused, at each of its operations on files.
#include <gtest/gtest.h>

#include "monge/core/files.h"
#include "monge/fetch/fetch.h"
#include "monge/io/archive.h"
#include "tests/support/files.h"
#include "tests/support/http_server.h"
#include "tests/support/stops.h"

namespace monge::fetch {
namespace {

/// Fetches into a folder that does not exist yet.
void expect_sound_fetch(const std::string& name, const std::string& served, bool keep) {
  const testing::NoProxies no_proxies;
  testing::HttpServer server([&](const testing::HttpRequest& request) { return testing::file_reply(request, served); });
  const FetchOptions options{.keep = keep, .download = {.tries = 1, .wait_seconds = 0}};
  testing::expect_sound_at_every_operation(
      {.prepare = [](const auto&) {},
       .act = [&](const auto& folder) { fetch(server.url("/" + name), folder / "data", options); },
       // The record has a date.
       .is_result = [](const std::string& file) { return file.find(".monge-fetch") == std::string::npos; },
       .least_operations = 12});
}

TEST(DisturbedFetch, OfAFile) { expect_sound_fetch("a.bin", testing::noise_bytes(3000, 1), false); }

void expect_sound_fetch_of_archive(bool keep) {
  const testing::ScratchFolder folder;
  io::write_archive(folder / "a.tar", {{"x/a", testing::noise_bytes(700, 1)}, {"x/b", "b"}, {"c", ""}});
  expect_sound_fetch("a.tar", real_files().read(folder / "a.tar"), keep);
}

TEST(DisturbedFetch, OfAnArchive) { expect_sound_fetch_of_archive(false); }
TEST(DisturbedFetch, OfAnArchiveThatIsKept) { expect_sound_fetch_of_archive(true); }

}  // namespace
}  // namespace monge::fetch
