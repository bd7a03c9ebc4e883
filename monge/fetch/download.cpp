#include "monge/fetch/download.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <optional>
#include <thread>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/user_words.h"
#include "monge/fetch/download_part.h"
#include "monge/fetch/download_try.h"
#include "monge/io/sha256.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// "https"; empty if there is none.
std::string scheme_of(const std::string& url) {
  const auto end = url.find("://");
  std::string out = end == url.npos ? "" : url.substr(0, end);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

void check_protocol(const std::string& url, bool allow_file_urls) {
  const auto scheme = scheme_of(url);
  if (scheme == "http" || scheme == "https" || (scheme == "file" && allow_file_urls)) return;
  throw InputError({.what = "this address cannot be fetched",
                    .value = without_credentials(url),
                    .allowed = allow_file_urls ? "http://, https://, file://" : "http://, https://"});
}

/// @return false when the user stopped the waiting.
bool wait(double seconds, const std::atomic<bool>* stop) {
  const auto until = Clock::now() + Seconds(seconds);
  while (Clock::now() < until) {
    if (stop && *stop) return false;
    std::this_thread::sleep_for(std::min(Seconds(0.05), Seconds(until - Clock::now())));
  }
  return true;
}

/// Whether a wrong continuation of the part would be detected: by the SHA-256 or by the server's validator.
bool may_resume(const DownloadPart& part, const std::string& url, const DownloadOptions& options) {
  const bool same_origin = part.origin().url == without_credentials(url) && !part.origin().validator.empty();
  return part.size() > 0 && (options.bytes < 0 || part.size() < options.bytes) &&
         (!options.sha256.empty() || same_origin) && scheme_of(url) != "file";
}

/// What is wrong with the complete part, if anything. Sets `digest` to its SHA-256.
std::optional<Complaint> find_fault(const TryOutcome& outcome, const DownloadPart& part, const DownloadOptions& options,
                                    std::string& digest) {
  if (outcome.kind == TryOutcome::wrong_size) {
    return Complaint{
        .what = "the file has the wrong size", .value = outcome.what + " bytes", .allowed = text(options.bytes)};
  }
  if (options.bytes >= 0 && part.size() != options.bytes) {
    return Complaint{
        .what = "the file has the wrong size", .value = text(part.size(), " bytes"), .allowed = text(options.bytes)};
  }
  digest = io::sha256_of_file(part.path());
  if (options.sha256.empty() || digest == options.sha256) return {};
  return Complaint{.what = "the file has the wrong SHA-256", .value = digest, .allowed = options.sha256};
}

[[noreturn]] void give_up(const TryOutcome& outcome, const std::string& url, const DownloadPart& part, int64_t tried) {
  Complaint complaint{.what = outcome.what, .where = url, .fix = outcome.fix};
  if (outcome.kind == TryOutcome::refused) {
    if (outcome.is_input_error) throw InputError(complaint);
    throw SystemError(complaint);
  }
  if (tried > 1) complaint.what += text(" (tried ", tried, " times)");
  if (part.size() > 0) {
    complaint.fix = text("run the command again to resume: ", part.size(), " bytes are kept in ", part.path().string());
  }
  throw SystemError(complaint);
}

}  // namespace

std::string without_credentials(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == url.npos) return url;
  const auto host = scheme + 3, end = std::min(url.find_first_of("/?#", host), url.size());
  const auto at = url.rfind('@', end);
  return at == url.npos || at < host ? url : url.substr(0, host) + url.substr(at + 1);
}

Download download(const std::string& url, const fs::path& destination, const DownloadOptions& options) {
  check_protocol(url, options.allow_file_urls);
  const auto shown = without_credentials(url);
  make_writable_folder(destination.has_parent_path() ? destination.parent_path() : fs::path("."));
  DownloadPart part(destination);

  const bool verifiable = !options.sha256.empty();
  Download out;
  bool second_chance = true;
  for (int64_t furthest = 0, fruitless_tries = 0;;) {
    const bool already_complete = verifiable && part.size() > 0 && part.size() == options.bytes;
    TryOutcome outcome{.continued = true};
    if (!already_complete) outcome = try_download(url, part, options, may_resume(part, url, options), out.received);
    switch (outcome.kind) {
      case TryOutcome::stopped:
        out.bytes = part.size();
        return out;
      case TryOutcome::not_resumable:
        part.restart({});
        continue;
      case TryOutcome::refused:
        give_up(outcome, shown, part, 1);
      case TryOutcome::broken:
        // A try that got further than any before resets the count: a download of hours may break many times.
        fruitless_tries = part.size() > furthest ? 1 : fruitless_tries + 1;
        furthest = std::max(furthest, part.size());
        if (fruitless_tries >= options.tries) give_up(outcome, shown, part, fruitless_tries);
        if (!wait(std::max(options.wait_seconds * std::exp2(std::min<int64_t>(fruitless_tries - 1, 6)),
                           outcome.wait_seconds),
                  options.stop)) {
          out.bytes = part.size();
          return out;
        }
        continue;
      case TryOutcome::whole:
      case TryOutcome::wrong_size:
      case TryOutcome::too_large:
        break;
    }
    if (outcome.kind == TryOutcome::too_large) {
      // The part of an earlier try is as good as it was, if only the limit is too low.
      const bool keep = outcome.continued && part.size() > 0;
      if (!keep) part.discard();
      throw InputError(
          {.what = "the file is larger than a download may be",
           .where = shown,
           .value = outcome.what + " bytes",
           .allowed = text("at most ", options.most_bytes),
           .fix = text(
               "if it is the one that you want, raise the limit: ", user_word("DownloadOptions::most_bytes"),
               keep ? text("; ", part.size(), " bytes are kept in ", part.path().string(), " to resume from") : "")});
    }
    auto complaint = find_fault(outcome, part, options, out.sha256);
    if (!complaint) {
      out.complete = true;
      out.bytes = part.size();
      part.publish();
      return out;
    }
    if (outcome.continued && second_chance) {  // the earlier part may have been the bad one
      second_chance = false;
      part.restart({});
      continue;
    }
    part.discard();
    complaint->where = shown;
    complaint->fix = "the server has another file, or a proxy changes it; nothing of the download was kept";
    throw InputError(*complaint);
  }
}

}  // namespace monge::fetch
