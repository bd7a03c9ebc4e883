#include "monge/cli/feature_options.h"

#include <filesystem>

#include "monge/cli/job.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/image_options.h"
#include "monge/eval/feature_sweep.h"
#include "monge/eval/image_evaluator.h"
#include "monge/session/root_first.h"

namespace monge::cli {

void add_feature_options(CLI::App& command, FeatureOptions& options) {
  command
      .add_option("--features", options.features,
                  "Feature net: inception, or a TorchScript file that maps [N,3,H,W] in 0..255 to [N,F]")
      ->capture_default_str();
  command
      .add_option(
          "--mode", options.mode,
          "Resizing of images to inception's input size: clean (antialiased bicubic) or legacy (bilinear, as in "
          "the first PyTorch port)")
      ->check(CLI::IsMember({"clean", "legacy"}))
      ->capture_default_str();
  command.add_option("--weights", options.weights, "Folder to search first for weight files; see monge weights list");
  command.add_option("--batch", options.batch, "Images per batch; changes only speed and memory")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command.add_option("--samples", options.samples, "Use only the first N images of each set; 0: all")
      ->check(from_zero())
      ->capture_default_str();
  command.add_option("--background", options.background, "Colour behind transparent pixels: white, black, #rrggbb")
      ->capture_default_str();
  command
      .add_option("--on-error", options.on_error,
                  "Action for images that cannot be used: fail (list them) or skip (count them)")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
}

std::shared_ptr<const eval::FeatureNet> open_feature_net(const FeatureOptions& options, const Common& common,
                                                         dist::ProcessGroup& group) {
  return eval::open_features(options.features, options.mode, options.weights,
                             session::choose_device(compute_for(common, group)));
}

bool is_file_of_statistics(const std::string& path) {
  return lower_extension(path) == ".safetensors" && !std::filesystem::is_directory(path);
}

MeasuredSet measure_set(const std::string& path, bool keep_features, const FeatureOptions& options,
                        const Common& common, std::shared_ptr<const eval::FeatureNet>& net, dist::ProcessGroup& group) {
  const auto log = log_sink(common, group);
  MeasuredSet out;
  if (is_file_of_statistics(path)) {
    out.statistics = session::root_first(group, [&] { return eval::read_statistics(path); });
    if (group.size() > 1) group.require_same(path, content_hash(io::bytes_of(out.statistics.moments.covariance_FF)));
  } else {
    const auto set = session::root_first(group, [&] {
      auto opened = std::make_unique<data::ImageSet>(path, io::parse_colour(options.background, "--background"), log);
      if (!net) net = open_feature_net(options, common, group);
      return opened;
    });
    if (group.size() > 1) {
      group.require_same(path, session::content_summary(*set));
      group.require_same("features", net->hash());
    }
    auto sweep = eval::sweep_features(
        *net, *set,
        {.batch = options.batch,
         .most = options.samples,
         .skip_bad = data::on_error_names().at(options.on_error, "on_error") == data::OnError::skip,
         .keep_features = keep_features,
         .progress = progress_callback(common, "computing features of " + path),
         .stop = &stop_flag()},
        group);
    out = {std::move(sweep.statistics), sweep.complete, sweep.skipped};
    if (out.complete && out.skipped > 0) {
      log(LogLevel::warning, text(path, ": ", out.skipped, " images could not be used and are left out",
                                  listed(sweep.complaints, static_cast<size_t>(out.skipped))));
    }
  }
  if (!out.complete) {
    log(LogLevel::warning,
        text("stopped while computing features of ", path, "; no metric is printed, and nothing is written"));
    return out;
  }
  const auto warning = eval::few_features_warning(out.statistics);
  if (!warning.empty()) log(LogLevel::warning, warning);
  return out;
}

std::string protocol_line(const eval::FeatureStatistics& a, const eval::FeatureStatistics& b) {
  return text("features ", a.protocol.net, " (", a.protocol.mode, ", weights ", a.protocol.hash, "), ", a.moments.count,
              " and ", b.moments.count, " images");
}

}  // namespace monge::cli
