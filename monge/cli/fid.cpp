// monge fid, kid and stats: distances between two sets of images by the features of a net, and files of statistics.
#include <cstdio>
#include <memory>

#include "monge/cli/feature_options.h"
#include "monge/cli/job.h"

namespace monge::cli {
namespace {

struct SetOptions {
  Common common;
  session::FeatureOptions features;
  std::string a, b, out;
  bool with_features = false;
  LocalRanks local_ranks;
};

/// Prints the value alone, or with its protocol as one JSON object.
void print_distance(const SetOptions& options, const session::FeatureDistance& distance) {
  if (!options.common.json) {
    std::printf("%.9g\n", distance.value);
    return;
  }
  const auto &s = distance.a.statistics, &t = distance.b.statistics;
  nlohmann::ordered_json line{{"metric", distance.metric},
                              {"value", distance.value},
                              {"features", s.protocol.net},
                              {"mode", s.protocol.mode},
                              {"n_a", s.moments.count},
                              {"n_b", t.moments.count},
                              {"weights", s.protocol.hash},
                              {"a", options.a},
                              {"b", options.b},
                              {"skipped_a", distance.a.skipped},
                              {"skipped_b", distance.b.skipped}};
  if (distance.standard_error) line["standard_error"] = *distance.standard_error;
  print_json(line);
}

int compare(SetOptions options, session::FeatureMetric metric) {
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  const auto compute = compute_for(options.common, group);
  session::set_threads(compute);
  watch_signals(group);
  const auto distance = session::feature_distance(options.a, options.b, metric, options.features, compute,
                                                  hooks_for(options.common, group));
  if (!distance.complete) return kStopped;
  if (group.is_root()) print_distance(options, distance);
  return kDone;
}

int keep(SetOptions options) {
  if (const auto code = start_ranks(options.local_ranks)) return *code;
  auto& group = join_job(options.common);
  const auto compute = compute_for(options.common, group);
  session::set_threads(compute);
  watch_signals(group);
  const auto set = session::write_feature_statistics(options.a, options.out, options.with_features, options.features,
                                                     compute, hooks_for(options.common, group));
  if (!set.complete) return kStopped;
  if (!group.is_root() || !options.common.json) return kDone;
  const auto& s = set.statistics;
  print_json({{"out", options.out},
              {"features", s.protocol.net},
              {"mode", s.protocol.mode},
              {"weights", s.protocol.hash},
              {"n", s.moments.count},
              {"skipped", set.skipped},
              {"with_features", options.with_features}});
  return kDone;
}

void add_comparison(CLI::App& program, Action& action, const char* name, const char* help,
                    session::FeatureMetric metric) {
  auto* command = program.add_subcommand(name, help);
  auto options = std::make_shared<SetOptions>();
  command->add_option("A", options->a, "Folder, archive or .npy of images, or a file written by monge stats")
      ->required();
  command->add_option("B", options->b, "The other set, of the same kinds")->required();
  add_feature_options(*command, options->features);
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options, metric] { action = [options, metric] { return compare(*options, metric); }; });
}

}  // namespace

void add_fid(CLI::App& program, Action& action) {
  add_comparison(program, action, "fid", "Frechet distance between two sets of images: FID, or FD(net) for another net",
                 session::FeatureMetric::frechet);
  add_comparison(program, action, "kid", "Kernel distance between two sets of images: KID, or KD(net) for another net",
                 session::FeatureMetric::kernel);
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
