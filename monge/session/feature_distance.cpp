#include "monge/session/feature_distance.h"

#include "monge/core/error.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_options.h"
#include "monge/eval/feature_sweep.h"
#include "monge/eval/image_evaluator.h"
#include "monge/session/root_first.h"

namespace monge::session {
namespace {

/// What both sets of a distance share. The net is opened for the first set of images, so that two files of statistics
/// need no weights.
struct FeatureJob {
  const FeatureOptions& options;
  const Compute& compute;
  const Hooks& hooks;
  std::shared_ptr<const eval::FeatureNet> net = {};

  void open_net() {
    if (!net) {
      net = eval::open_features(options.features, options.mode, options.weights, choose_device(compute));
    }
  }
};

MeasuredSet read_set(const std::string& path, dist::ProcessGroup& group) {
  MeasuredSet out;
  out.statistics = root_first(group, [&] { return eval::read_statistics(path); });
  if (group.size() > 1) group.require_same(path, content_hash(io::bytes_of(out.statistics.moments.covariance_FF)));
  return out;
}

MeasuredSet sweep_set(const std::string& path, bool keep_features, FeatureJob& job) {
  auto& group = job.compute.group;
  const auto& log = job.hooks.log;
  const auto set = root_first(group, [&] {
    auto opened = std::make_unique<data::ImageSet>(path, io::parse_colour(job.options.background, "--background"), log);
    job.open_net();
    return opened;
  });
  if (group.size() > 1) {
    group.require_same(path, content_summary(*set));
    group.require_same("features", job.net->hash());
  }
  auto sweep = eval::sweep_features(
      *job.net, *set,
      {.batch = job.options.batch,
       .most = job.options.samples,
       .skip_bad = data::on_error_names().at(job.options.on_error, "on_error") == data::OnError::skip,
       .keep_features = keep_features,
       .progress = job.hooks.progress_of("computing features of " + path),
       .stop = &job.hooks.stop_flag()},
      group);
  if (sweep.complete && sweep.skipped > 0) {
    log(LogLevel::warning, text(path, ": ", sweep.skipped, " images could not be used and are left out",
                                listed(sweep.complaints, static_cast<size_t>(sweep.skipped))));
  }
  return {std::move(sweep.statistics), sweep.complete, sweep.skipped};
}

MeasuredSet measure_set(const std::string& path, bool keep_features, FeatureJob& job) {
  auto out = is_file_of_statistics(path) ? read_set(path, job.compute.group) : sweep_set(path, keep_features, job);
  if (!out.complete) {
    job.hooks.log(LogLevel::warning,
                  text("stopped while computing features of ", path, "; there is no result, and nothing is written"));
    return out;
  }
  const auto warning = eval::few_features_warning(out.statistics);
  if (!warning.empty()) job.hooks.log(LogLevel::warning, warning);
  return out;
}

/// Checks what can be checked before the other set is measured, which may take hours.
void check_before_work(const MeasuredSet& known, const std::string& other, bool kernel, FeatureJob& job) {
  if (kernel) eval::require_features(known.statistics);
  if (is_file_of_statistics(other)) return;
  job.open_net();
  const eval::FeatureStatistics coming{
      .protocol = eval::protocol_of(*job.net), .source = other, .moments = {}, .features_NF = {}};
  eval::require_same_protocol(known.statistics, coming);
}

void check_paths(const std::string& a, const std::string& b, const FeatureOptions& options) {
  for (const auto& path : {a, b}) {
    require(data::images_exist(path), path, ": no such file or folder");
    require(options.samples == 0 || !is_file_of_statistics(path), "--samples ", options.samples, ": ", path,
            " holds the statistics of a whole set; give the set itself");
  }
}

std::string protocol_line(const eval::FeatureStatistics& a, const eval::FeatureStatistics& b) {
  return text("features ", a.protocol.net, " (", a.protocol.mode, ", weights ", a.protocol.hash, "), ", a.moments.count,
              " and ", b.moments.count, " images");
}

}  // namespace

bool is_file_of_statistics(const std::string& path) {
  return lower_extension(path) == ".safetensors" && !std::filesystem::is_directory(path);
}

FeatureDistance feature_distance(const std::string& a, const std::string& b, FeatureMetric metric,
                                 const FeatureOptions& options, const Compute& compute, const Hooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  const bool kernel = metric == FeatureMetric::kernel;
  FeatureJob job{options, compute, hooks};
  root_first(group, [&] { check_paths(a, b, options); });
  // A file of statistics comes first, so that a mismatch with it is reported at once.
  const bool b_first = is_file_of_statistics(b);
  const auto& second_path = b_first ? a : b;
  FeatureDistance out;
  auto first = measure_set(b_first ? b : a, kernel, job);
  if (first.complete) {
    root_first(group, [&] { check_before_work(first, second_path, kernel, job); });
    auto second = measure_set(second_path, kernel, job);
    out.complete = second.complete;
    out.a = b_first ? std::move(second) : std::move(first);
    out.b = b_first ? std::move(first) : std::move(second);
  } else {
    out.complete = false;
  }
  if (!out.complete) return {.complete = false, .metric = {}, .a = {}, .b = {}};
  const auto &s = out.a.statistics, &t = out.b.statistics;
  if (kernel) {
    const auto distance = eval::kernel_distance(s, t, group);
    out.metric = eval::kernel_name(s.protocol);
    out.value = distance.value;
    out.standard_error = distance.standard_error;
    hooks.log(LogLevel::info, text("standard error ", distance.standard_error));
  } else {
    out.metric = eval::frechet_name(s.protocol);
    out.value = eval::frechet_distance(s, t);
  }
  hooks.log(LogLevel::info, out.metric + " with " + protocol_line(s, t));
  return out;
}

MeasuredSet write_feature_statistics(const std::string& images, const std::filesystem::path& out, bool keep_features,
                                     const FeatureOptions& options, const Compute& compute, const Hooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  root_first(group, [&] {
    require(out.string().ends_with(".safetensors"), out.string(),
            ": a file of statistics must have the extension .safetensors");
    require_usable_name(out, "OUT");
    require(!std::filesystem::is_directory(out), out.string(), ": is a folder; name a file");
    require(!is_file_of_statistics(images), images, ": already holds statistics; give a set of images");
    if (group.is_root()) make_writable_folder(std::filesystem::absolute(out).parent_path());
  });
  FeatureJob job{options, compute, hooks};
  auto set = measure_set(images, keep_features, job);
  if (!set.complete || !group.is_root()) return set;
  eval::write_statistics(out, set.statistics);
  const auto& s = set.statistics;
  hooks.log(LogLevel::info, text("statistics of ", s.moments.count, " images by ", s.protocol.net, " (",
                                 s.protocol.mode, "), written to ", out.string()));
  return set;
}

}  // namespace monge::session
