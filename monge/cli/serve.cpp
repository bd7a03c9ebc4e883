// monge serve: models and runs over HTTP.
#include <chrono>
#include <memory>
#include <thread>

#include "monge/cli/command.h"
#include "monge/cli/user_words.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/serve/server.h"
#include "monge/solve/settings.h"

namespace monge::cli {
namespace {

struct ServeCommand {
  Common common;
  std::string path, token_file;
  int64_t max_body_mb = 64;
  double rate = 0;
  serve::ServeOptions serve;
};

/// The first line of a file.
std::string read_token(const std::string& file) {
  constexpr int64_t kMost = 4096;
  auto token = real_files().read(file, kMost);
  token.erase(std::min(token.find_first_of("\r\n"), token.size()));
  constexpr size_t kLeast = 16;
  if (token.size() < kLeast || token.find_first_of(" \t;,") != std::string::npos) {
    throw InputError({.what = "not a token",
                      .where = "--token-file",
                      .value = file,
                      .allowed = "one line of 16 or more characters without spaces, commas and semicolons"});
  }
  return token;
}

int serve_command(ServeCommand command) {
  solve::share_one_heap();  // before there are threads
  install_serve_words();
  const auto compute = compute_for(command.common);
  const auto hooks = hooks_for(command.common);
  session::set_threads(compute);
  auto& options = command.serve;
  options.catalogue.device = session::choose_device(compute);
  options.catalogue.log = hooks.log;
  if (!command.token_file.empty()) options.access.token = read_token(command.token_file);
  options.http.most_body = command.max_body_mb << 20;
  options.http.most_bodies = std::max(options.http.most_bodies, options.http.most_body);
  if (command.rate > 0) {
    options.access.rate = command.rate;
    options.access.burst = std::max(1.0, 2 * command.rate);
    options.access.rate_on_loopback = true;
  }
  watch_signals();
  serve::Server server(command.path, options, hooks.log);
  if (command.common.json) print_json({{"url", server.url()}});
  constexpr int kRoundsBetweenTrims = 1200;  // a minute
  for (int round = 1; !stop_flag(); ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (round % kRoundsBetweenTrims == 0) solve::return_free_pages();
  }
  server.stop();
  return kDone;
}

}  // namespace

void add_serve(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("serve", "Serve models and runs over HTTP, with a page for people");
  auto options = std::make_shared<ServeCommand>();
  auto& serve = options->serve;
  command->footer(
      "By default only programs and people of this machine reach the server. With --listen on another address "
      "everyone\n"
      "needs a token. Ctrl-C ends it when the requests that have begun are answered. See docs/serve.md");
  command
      ->add_option("PATH", options->path,
                   "Run directory, model file, name of a pretrained model, or a folder of runs and model files")
      ->required();
  command->add_option("--port", serve.http.port, "Port; 0: a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--listen", serve.http.listen, "Address in numbers to listen on")->capture_default_str();
  command->add_option("--token-file", options->token_file,
                      "File with the token that requests need; default: none on this machine, else a random one");
  command->add_option("--host", serve.access.hosts, "Further name by which the server is asked for (repeatable)")
      ->allow_extra_args(false);
  command
      ->add_option("--allow-origin", serve.access.allow_origins,
                   "Site whose pages may ask, such as https://example.org (repeatable)")
      ->allow_extra_args(false);
  command
      ->add_option("--rate", options->rate,
                   "Requests per second of one address, also of this machine; default: 50, without this machine")
      ->check(CLI::Range(0.001, 1e6));
  command->add_option("--batch", serve.batch, "Items that are translated together if several requests wait")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-body-mb", options->max_body_mb, "Largest body of a request in MiB")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--max-pixels", serve.limits.most_pixels, "Most pixels of an image")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 26))
      ->capture_default_str();
  command->add_option("--max-models", serve.catalogue.max_models, "Most models in memory")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--max-connections", serve.http.most_connections, "Most open connections")
      ->check(CLI::Range(8, 20000))
      ->capture_default_str();
  command->add_option("--max-seconds", serve.most_seconds, "Longest translation in seconds")
      ->check(CLI::Range(1.0, 86400.0))
      ->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return serve_command(*options); }; });
}

}  // namespace monge::cli
