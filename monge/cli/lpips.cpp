// monge lpips: how far each picture of a set is from its partner in another.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/picture_set.h"
#include "monge/eval/image_judge.h"
#include "monge/eval/paired.h"

namespace monge::cli {
namespace {

struct LpipsOptions {
  Common common;
  std::string a, b, net = "alex", weights, background = "white", table;
  int64_t batch = 32;
  bool by_order = false;
};

using Pairs = std::vector<std::pair<int64_t, int64_t>>;

/// A name without its extension: "a/smile" of "a/smile.png".
std::string stem_of(const std::string& name) { return std::filesystem::path(name).replace_extension().generic_string(); }

/// Partners have one name but for the extension; single pictures and arrays go by their order.
Pairs pair_up(const data::PictureSet& a, const data::PictureSet& b, bool by_order) {
  Pairs out;
  if (by_order || (a.size() == 1 && b.size() == 1)) {
    if (a.size() != b.size()) {
      throw Error(Complaint{.what = "the sets are not paired", .where = a.name() + " and " + b.name(),
                            .value = text(a.size(), " and ", b.size(), " pictures"), .allowed = "as many on both sides"});
    }
    for (int64_t i = 0; i < a.size(); ++i) out.emplace_back(i, i);
    return out;
  }
  std::map<std::string, int64_t> partners;
  for (int64_t i = 0; i < b.size(); ++i) partners[stem_of(b.item_name(i))] = i;
  for (int64_t i = 0; i < a.size(); ++i) {
    const auto at = partners.find(stem_of(a.item_name(i)));
    if (at == partners.end()) {
      throw Error(Complaint{.what = "a picture has no partner of its name", .where = b.name(), .value = '"' + a.item_name(i) + '"',
                            .fix = "give sets of equal names, or --by-order for sets of equal size"});
    }
    out.emplace_back(i, at->second);
  }
  require(a.size() == b.size(), b.name(), ": has ", b.size(), " pictures, ", a.name(), " has ", a.size(),
          "; every picture needs a partner");
  return out;
}

eval::SignedImages whole(const data::Picture& picture) {
  require(picture.fault.empty(), picture.fault);
  return eval::SignedImages::from_bytes(picture.rgb_HWC.permute({2, 0, 1}).unsqueeze(0));
}

int lpips_command(const LpipsOptions& options) {
  set_threads(options.common);
  watch_signals();
  const auto log = log_sink(options.common);
  const auto background = io::parse_colour(options.background, "--background");
  const data::PictureSet a(options.a, background, log), b(options.b, background, log);
  const auto pairs = pair_up(a, b, options.by_order);
  const auto net = eval::open_lpips(options.net, options.weights, device_of(options.common));
  const auto progress = progress_callback(options.common, "comparing pairs");
  std::string table = "a,b,lpips,mse,psnr,ssim\n";
  double lpips = 0, mse = 0, ssim = 0;
  const auto count = static_cast<int64_t>(pairs.size());
  for (int64_t i = 0; i < count; ++i) {
    if (stop_flag()) return kStopped;
    const auto [at_a, at_b] = pairs[static_cast<size_t>(i)];
    const auto one = a.load(at_a, at_a + 1)[0], other = b.load(at_b, at_b + 1)[0];
    const auto x = whole(one), y = whole(other);
    if (x.height() != y.height() || x.width() != y.width()) {
      throw Error(Complaint{.what = "partners must be of one size", .where = options.a + "/" + one.name + " and " + options.b + "/" + other.name,
                            .value = text(x.width(), "x", x.height(), " and ", y.width(), "x", y.height()),
                            .fix = "resize one of the sets first"});
    }
    const double d = net->distance(x, y).item<double>(), e = eval::mean_squared_error(x, y).item<double>();
    const double s = std::min(x.height(), x.width()) >= 11 ? eval::structural_similarity(x, y).item<double>() : NAN;
    table += text('"', one.name, "\",\"", other.name, "\",", d, ',', e, ',', eval::peak_signal_to_noise(x, y).item<double>(), ',', s, '\n');
    lpips += d / static_cast<double>(count);
    mse += e / static_cast<double>(count);
    ssim += s / static_cast<double>(count);
    progress(i + 1, count);
  }
  if (!options.table.empty()) real_files().replace(options.table, table);
  const double psnr = 10 * std::log10(4 / mse);  // of the mean, so that equal pairs do not make it infinite
  log(LogLevel::info, text("LPIPS (", options.net, ", v0.1, weights ", net->hash(), ") of ", count, " pairs; mse ", mse, " per entry in [-1, 1], psnr ",
                           psnr, " dB, ssim ", ssim));
  if (!options.common.json) {
    std::printf("%.9g\n", lpips);
    return kDone;
  }
  print_json({{"metric", "lpips"}, {"value", lpips}, {"features", options.net}, {"mode", "v0.1"}, {"n_a", count}, {"n_b", count},
              {"weights", net->hash()}, {"a", options.a}, {"b", options.b}, {"mse", mse}, {"psnr", psnr}, {"ssim", ssim}});
  return kDone;
}

}  // namespace

void add_lpips(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("lpips", "Mean perceptual distance between paired pictures; with MSE, PSNR and SSIM");
  auto options = std::make_shared<LpipsOptions>();
  command->add_option("A", options->a, "A folder, archive or .npy of pictures, or one picture")->required();
  command->add_option("B", options->b, "The same; partners have the same names but for the extension")->required();
  command->add_option("--net", options->net, "The trunk")->check(CLI::IsMember({"alex", "squeeze", "vgg"}))->capture_default_str();
  command->add_option("--weights", options->weights, "Folder of weight files that is looked in first; see monge weights list");
  command->add_flag("--by-order", options->by_order, "Pair by order and not by name");
  command->add_option("--table", options->table, "Also write the figures of every pair to this .csv file");
  command->add_option("--background", options->background, "What shows through transparency: white, black, #rrggbb")->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return lpips_command(*options); }; });
}

}  // namespace monge::cli
