// monge fid, kid and stats: distances between two sets of images by the features of a net, and files of statistics.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "monge/cli/feature_options.h"
#include "monge/cli/job.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/data/image_collection.h"
#include "monge/session/root_first.h"

namespace monge::cli {
namespace {

struct SetOptions {
  Common common;
  FeatureOptions features;
  std::string a, b, out;
  bool with_features = false;
  LocalRanks local_ranks;
};

/// Prints the value alone on stdout and its protocol on stderr; or both in one JSON object.
int print_metric(const SetOptions& options, const std::string& metric, double value, const MeasuredSet& a,
                 const MeasuredSet& b, const nlohmann::ordered_json& more) {
  const auto &s = a.statistics, &t = b.statistics;
  log_sink(options.common)(LogLevel::info, metric + " with " + protocol_line(s, t));
  if (!options.common.json) {
    std::printf("%.9g\n", value);
    return kDone;
  }
  nlohmann::ordered_json line{{"metric", metric},           {"value", value},         {"features", s.protocol.net},
                              {"mode", s.protocol.mode},    {"n_a", s.moments.count}, {"n_b", t.moments.count},
                              {"weights", s.protocol.hash}, {"a", options.a},         {"b", options.b},
                              {"skipped_a", a.skipped},     {"skipped_b", b.skipped}};
  if (more.is_object()) line.update(more);
  print_json(line);
  return kDone;
}

/// Checks what can be checked before the other set is measured, which may take hours.
void check_before_work(const SetOptions& options, bool kernel, const MeasuredSet& known, const std::string& other,
                       std::shared_ptr<const eval::FeatureNet>& net, dist::ProcessGroup& group) {
  if (kernel) eval::require_features(known.statistics);
  if (is_file_of_statistics(other)) return;
  if (!net) net = open_feature_net(options.features, options.common, group);
  const eval::FeatureStatistics coming{
      .protocol = eval::protocol_of(*net), .source = other, .moments = {}, .features_NF = {}};
  eval::require_same_protocol(known.statistics, coming);
}

void check_paths(const SetOptions& options) {
  for (const auto& path : {options.a, options.b}) {
    require(data::images_exist(path), path, ": no such file or folder");
    require(options.features.samples == 0 || !is_file_of_statistics(path), "--samples ", options.features.samples, ": ",
            path, " holds the statistics of a whole set; give the set itself");
  }
}

int compare(SetOptions options, bool kernel) {
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  session::set_threads(compute_for(options.common, group));
  watch_signals(group);
  std::shared_ptr<const eval::FeatureNet> net;
  // A file of statistics comes first, so that a mismatch with it is reported at once.
  const bool b_first = is_file_of_statistics(options.b);
  const auto& first_path = b_first ? options.b : options.a;
  const auto& second_path = b_first ? options.a : options.b;
  session::root_first(group, [&] { check_paths(options); });
  const auto first = measure_set(first_path, kernel, options.features, options.common, net, group);
  if (!first.complete) return kStopped;
  session::root_first(group, [&] { check_before_work(options, kernel, first, second_path, net, group); });
  const auto second = measure_set(second_path, kernel, options.features, options.common, net, group);
  if (!second.complete) return kStopped;
  const auto &a = b_first ? second : first, &b = b_first ? first : second;
  if (!kernel) {
    if (!group.is_root()) return kDone;
    return print_metric(options, eval::frechet_name(a.statistics.protocol),
                        eval::frechet_distance(a.statistics, b.statistics), a, b, {});
  }
  const auto distance = eval::kernel_distance(a.statistics, b.statistics, group);
  if (!group.is_root()) return kDone;
  log_sink(options.common)(LogLevel::info, text("standard error ", distance.standard_error));
  return print_metric(options, eval::kernel_name(a.statistics.protocol), distance.value, a, b,
                      {{"standard_error", distance.standard_error}});
}

int keep(SetOptions options) {
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  session::set_threads(compute_for(options.common, group));
  watch_signals(group);
  session::root_first(group, [&] {
    require(options.out.ends_with(".safetensors"), options.out,
            ": a file of statistics must have the extension .safetensors");
    require(!std::filesystem::is_directory(options.out), options.out, ": is a folder; name a file");
    require(!is_file_of_statistics(options.a), options.a, ": already holds statistics; give a set of images");
    if (group.is_root()) make_writable_folder(std::filesystem::absolute(options.out).parent_path());
  });
  std::shared_ptr<const eval::FeatureNet> net;
  const auto set = measure_set(options.a, options.with_features, options.features, options.common, net, group);
  if (!set.complete) return kStopped;
  if (!group.is_root()) return kDone;
  eval::write_statistics(options.out, set.statistics);
  const auto& s = set.statistics;
  log_sink(options.common)(LogLevel::info, text("statistics of ", s.moments.count, " images by ", s.protocol.net, " (",
                                                s.protocol.mode, "), written to ", options.out));
  if (options.common.json) {
    print_json({{"out", options.out},
                {"features", s.protocol.net},
                {"mode", s.protocol.mode},
                {"weights", s.protocol.hash},
                {"n", s.moments.count},
                {"skipped", set.skipped},
                {"with_features", options.with_features}});
  }
  return kDone;
}

void add_comparison(CLI::App& program, Action& action, const char* name, const char* help, bool kernel) {
  auto* command = program.add_subcommand(name, help);
  auto options = std::make_shared<SetOptions>();
  command->add_option("A", options->a, "Folder, archive or .npy of images, or a file written by monge stats")
      ->required();
  command->add_option("B", options->b, "The other set, of the same kinds")->required();
  add_feature_options(*command, options->features);
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options, kernel] { action = [options, kernel] { return compare(*options, kernel); }; });
}

}  // namespace

void add_fid(CLI::App& program, Action& action) {
  add_comparison(program, action, "fid", "Frechet distance between two sets of images: FID, or FD(net) for another net",
                 false);
  add_comparison(program, action, "kid", "Kernel distance between two sets of images: KID, or KD(net) for another net",
                 true);
  auto* command = program.add_subcommand("stats", "Save the statistics of a set of images for monge fid and kid");
  auto options = std::make_shared<SetOptions>();
  command->add_option("SET", options->a, "Folder, archive or .npy of images")->required();
  command->add_option("OUT", options->out, "Output file (.safetensors)")->required();
  command->add_flag("--with-features", options->with_features, "Also save the features, which monge kid needs");
  add_feature_options(*command, options->features);
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return keep(*options); }; });
}

}  // namespace monge::cli
