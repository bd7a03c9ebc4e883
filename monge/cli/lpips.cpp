// monge lpips: the perceptual distance of each image of a set to its partner in another set.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iomanip>
#include <map>
#include <memory>
#include <sstream>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/data/image_options.h"
#include "monge/data/image_set.h"
#include "monge/data/member_path.h"
#include "monge/eval/image_evaluator.h"
#include "monge/eval/paired.h"

namespace monge::cli {
namespace {

struct LpipsOptions {
  Common common;
  std::string a, b, net = "alex", weights, background = "white", table, on_error = "fail";
  bool by_order = false;
};

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

/// A name without its extension: "a/smile" of "a/smile.png".
std::string stem_of(const std::string& name) {
  return std::filesystem::path(name).replace_extension().generic_string();
}

/// The indices of the images by their names.
std::map<std::string, int64_t> by_name(const data::ImageSet& set) {
  std::map<std::string, int64_t> out;
  for (int64_t i = 0; i < set.size(); ++i) out.emplace(set.item_name(i), i);
  return out;
}

/// The indices of the images by their stems, or by their samples if one member of each sample was chosen.
/// @throws InputError if two images have the same stem.
std::map<std::string, int64_t> by_stem(const data::ImageSet& set) {
  const bool samples = !data::member_path(set.name()).members.empty();
  std::map<std::string, int64_t> out;
  for (int64_t i = 0; i < set.size(); ++i) {
    const auto name = set.item_name(i);
    const auto [at, fresh] = out.emplace(samples ? std::string(data::sample_name(name).sample) : stem_of(name), i);
    if (fresh) continue;
    throw InputError(text(set.name(), ": ", set.item_name(at->second), " and ", name,
                          " differ only in the extension, so the partner is ambiguous; rename one, or use --by-order"));
  }
  return out;
}

bool same_names(const std::map<std::string, int64_t>& a, const std::map<std::string, int64_t>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const auto& x, const auto& y) { return x.first == y.first; });
}

/// A name as a field of a .csv file.
std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

/// The pairs of indices. Partners have the same name but for the extension; single images are paired by their order.
Pairs pair_up(const data::ImageSet& a, const data::ImageSet& b, bool by_order) {
  Pairs out;
  if (by_order || (a.size() == 1 && b.size() == 1)) {
    if (a.size() != b.size()) {
      throw InputError({.what = "the sets cannot be paired",
                        .where = a.name() + " and " + b.name(),
                        .value = text(a.size(), " and ", b.size(), " images"),
                        .allowed = "the same number of images in both"});
    }
    for (int64_t i = 0; i < a.size(); ++i) out.emplace_back(i, i);
    return out;
  }
  auto left = by_name(a), right = by_name(b);
  if (!same_names(left, right)) {
    left = by_stem(a);
    right = by_stem(b);
  }
  const auto complain = [](const data::ImageSet& lacks, const std::string& name) {
    throw InputError({.what = "an image has no partner of the same name",
                      .where = lacks.name(),
                      .value = '"' + name + '"',
                      .fix = "give sets with the same names, or use --by-order for sets of the same size"});
  };
  for (const auto& [name, index] : left) {
    if (!right.contains(name)) complain(b, a.item_name(index));
    out.emplace_back(index, right.at(name));
  }
  for (const auto& [name, index] : right) {
    if (!left.contains(name)) complain(a, b.item_name(index));
  }
  return out;
}

eval::SignedImages whole(const data::LoadedImage& image) {
  return eval::SignedImages::from_signed(io::to_float(image.rgb_HWC).unsqueeze(0), eval::SignedImages::Doubt::accept);
}

/// Reports the images that could not be read: all in one error, or in a warning if they are skipped.
void report_faults(const std::vector<std::string>& faults, int64_t pairs, bool skip, const LogSink& log) {
  if (faults.empty()) return;
  const auto lines = text(faults.size(), " images of ", pairs, " pairs cannot be used", listed(faults, faults.size()));
  if (!skip) throw InputError(lines + "\nrepair or remove them, or use --on-error skip");
  log(LogLevel::warning, lines + "\nthey are left out with their partners");
}

/// Sums over the pairs that were compared, and the table of their metrics.
struct Comparison {
  double lpips = 0, mse = 0, ssim = 0;
  int64_t used = 0;
  std::vector<std::string> faults;
  std::ostringstream table;
};

/// Computes the metrics of one pair and adds them.
void add_pair(const data::LoadedImage& one, const data::LoadedImage& other, const eval::Lpips& net,
              const LpipsOptions& options, Comparison& out) {
  const auto x = whole(one), y = whole(other);
  if (x.height() != y.height() || x.width() != y.width()) {
    throw InputError({.what = "partners must have the same size",
                      .where = options.a + "/" + one.name + " and " + options.b + "/" + other.name,
                      .value = text(x.width(), "x", x.height(), " and ", y.width(), "x", y.height()),
                      .fix = "resize one of the sets first"});
  }
  double d = 0;
  try {
    d = net.distance(x, y).item<double>();
  } catch (const InputError& error) {
    throw InputError(text(options.a, "/", one.name, ": ", error.what()));
  }
  const double e = eval::mean_squared_error(x, y).item<double>();
  const double s =
      std::min(x.height(), x.width()) >= eval::kSsimSide ? eval::structural_similarity(x, y).item<double>() : NAN;
  out.table << quoted(one.name) << ',' << quoted(other.name) << ',' << d << ',' << e << ','
            << eval::peak_signal_to_noise(x, y).item<double>() << ',' << s << '\n';
  out.lpips += d;
  out.mse += e;
  out.ssim += s;
  ++out.used;
}

/// Prints the means over the pairs.
/// @param count  all pairs, with the skipped ones.
void print_means(const Comparison& sums, int64_t count, const eval::Lpips& net, const LpipsOptions& options,
                 const LogSink& log) {
  const auto used = sums.used;
  const double lpips = sums.lpips / static_cast<double>(used), mse = sums.mse / static_cast<double>(used),
               ssim = sums.ssim / static_cast<double>(used);
  const double psnr = 10 * std::log10(4 / mse);  // of the mean, so that equal pairs do not make it infinite
  log(LogLevel::info, text("LPIPS (", options.net, ", v0.1, weights ", net.hash(), ") of ", used, " pairs; mse ", mse,
                           " per entry in [-1, 1], psnr ", psnr, " dB, ssim ", ssim));
  if (!options.common.json) {
    std::printf("%.9g\n", lpips);
    return;
  }
  print_json({{"metric", "lpips"},
              {"value", lpips},
              {"features", options.net},
              {"mode", "v0.1"},
              {"n_a", used},
              {"n_b", used},
              {"skipped", count - used},
              {"weights", net.hash()},
              {"a", options.a},
              {"b", options.b},
              {"mse", mse},
              {"psnr", psnr},
              {"ssim", ssim}});
}

int lpips_command(const LpipsOptions& options) {
  session::set_threads(compute_for(options.common));
  watch_signals();
  const auto log = log_sink(options.common);
  if (!options.table.empty()) make_writable_folder(std::filesystem::absolute(options.table).parent_path());
  const auto background = io::parse_colour(options.background, "--background");
  const data::ImageSet a(options.a, background, log), b(options.b, background, log);
  const auto pairs = pair_up(a, b, options.by_order);
  const auto net = eval::open_lpips(options.net, options.weights, session::choose_device(compute_for(options.common)));
  auto progress = progress_callback(options.common, "comparing pairs");
  const bool skip = data::on_error_names().at(options.on_error, "on_error") == data::OnError::skip;
  const auto count = static_cast<int64_t>(pairs.size());
  Comparison comparison;
  comparison.table << std::setprecision(9) << "a,b,lpips,mse,psnr,ssim\n";
  for (int64_t i = 0; i < count; ++i) {
    if (stop_flag()) {
      progress = {};  // ends its line
      log(LogLevel::warning,
          text("stopped after ", i, " of ", count, " pairs; no metric is printed, and nothing is written"));
      return kStopped;
    }
    const auto [at_a, at_b] = pairs[static_cast<size_t>(i)];
    const auto one = a.load(at_a, at_a + 1)[0], other = b.load(at_b, at_b + 1)[0];
    progress(i + 1, count);
    for (const auto* image : {&one, &other}) {
      if (!image->fault.empty()) comparison.faults.push_back(image->fault);
    }
    // After a fault that ends the command the rest is only decoded, so that the error names all faults.
    if (!one.fault.empty() || !other.fault.empty() || (!skip && !comparison.faults.empty())) continue;
    add_pair(one, other, *net, options, comparison);
  }
  report_faults(comparison.faults, count, skip, log);
  require(comparison.used > 0, options.a, ": no pair is left to compare");
  if (!options.table.empty()) real_files().replace(options.table, comparison.table.str());
  print_means(comparison, count, *net, options, log);
  return kDone;
}

}  // namespace

void add_lpips(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("lpips", "Mean perceptual distance between paired images; with MSE, PSNR and SSIM");
  auto options = std::make_shared<LpipsOptions>();
  command->add_option("A", options->a, "Folder, archive or .npy of images, or one image")->required();
  command->add_option("B", options->b, "The other set; partners have the same name, except for the extension")
      ->required();
  command->add_option("--net", options->net, "Trunk network")
      ->check(CLI::IsMember({"alex", "squeeze", "vgg"}))
      ->capture_default_str();
  command->add_option("--weights", options->weights, "Folder to search first for weight files; see monge weights list");
  command->add_flag("--by-order", options->by_order, "Pair by order instead of by name");
  command->add_option("--table", options->table, "Also write the metrics of each pair to this .csv file");
  command
      ->add_option("--on-error", options->on_error,
                   "Action for images that cannot be used: fail (list them) or skip (count them)")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
  command->add_option("--background", options->background, "Colour behind transparent pixels: white, black, #rrggbb")
      ->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return lpips_command(*options); }; });
}

}  // namespace monge::cli
