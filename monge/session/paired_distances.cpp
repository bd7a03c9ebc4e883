#include "monge/session/paired_distances.h"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/data/image_options.h"
#include "monge/data/image_set.h"
#include "monge/data/member_path.h"
#include "monge/eval/image_evaluator.h"
#include "monge/eval/paired.h"

namespace monge::session {
namespace {

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

/// Sums over the pairs that were compared, and the table of their distances.
class PairSums {
 public:
  PairSums(std::string a, std::string b, const eval::Lpips& net) : a_(std::move(a)), b_(std::move(b)), net_(net) {
    table_ << std::setprecision(9) << "a,b,lpips,mse,psnr,ssim\n";
  }

  void add(const data::LoadedImage& one, const data::LoadedImage& other) {
    const auto x = whole(one), y = whole(other);
    if (x.height() != y.height() || x.width() != y.width()) {
      throw InputError({.what = "partners must have the same size",
                        .where = a_ + "/" + one.name + " and " + b_ + "/" + other.name,
                        .value = text(x.width(), "x", x.height(), " and ", y.width(), "x", y.height()),
                        .fix = "resize one of the sets first"});
    }
    double d = 0;
    try {
      d = net_.distance(x, y).item<double>();
    } catch (const InputError& error) {
      throw InputError(text(a_, "/", one.name, ": ", error.what()));
    }
    const double e = eval::mean_squared_error(x, y).item<double>();
    const double s =
        std::min(x.height(), x.width()) >= eval::kSsimSide ? eval::structural_similarity(x, y).item<double>() : NAN;
    table_ << quoted(one.name) << ',' << quoted(other.name) << ',' << d << ',' << e << ','
           << eval::peak_signal_to_noise(x, y).item<double>() << ',' << s << '\n';
    lpips_ += d;
    mse_ += e;
    ssim_ += s;
    ++used_;
  }

  int64_t used() const { return used_; }
  std::string table() const { return table_.str(); }

  PairedDistances means(int64_t pairs) const {
    const double n = static_cast<double>(used_);
    return {.pairs = used_,
            .skipped = pairs - used_,
            .lpips = lpips_ / n,
            .mse = mse_ / n,
            .ssim = ssim_ / n,
            .hash = net_.hash()};
  }

 private:
  std::string a_, b_;
  const eval::Lpips& net_;
  double lpips_ = 0, mse_ = 0, ssim_ = 0;
  int64_t used_ = 0;
  std::ostringstream table_;
};

}  // namespace

PairedDistances compare_pairs(const std::string& path_a, const std::string& path_b, const PairedOptions& options,
                              const Compute& compute, const Hooks& hooks) {
  const auto& log = hooks.log;
  if (!options.table.empty()) make_writable_folder(std::filesystem::absolute(options.table).parent_path());
  const auto background = io::parse_colour(options.background, "--background");
  const data::ImageSet a(path_a, background, log), b(path_b, background, log);
  const auto pairs = pair_up(a, b, options.by_order);
  const auto net = eval::open_lpips(options.net, options.weights, choose_device(compute));
  const auto progress = hooks.progress_of("comparing pairs");
  const bool skip = data::on_error_names().at(options.on_error, "on_error") == data::OnError::skip;
  const auto count = static_cast<int64_t>(pairs.size());
  PairSums sums(path_a, path_b, *net);
  std::vector<std::string> faults;
  for (int64_t i = 0; i < count; ++i) {
    if (hooks.stop_flag()) {
      log(LogLevel::warning,
          text("stopped after ", i, " of ", count, " pairs; there is no result, and nothing is written"));
      return {.complete = false, .hash = {}};
    }
    const auto [at_a, at_b] = pairs[static_cast<size_t>(i)];
    const auto one = a.load(at_a, at_a + 1)[0], other = b.load(at_b, at_b + 1)[0];
    if (progress) progress(i + 1, count);
    for (const auto* image : {&one, &other}) {
      if (!image->fault.empty()) faults.push_back(image->fault);
    }
    // After a fault that ends the comparison the rest is only decoded, so that the error names all faults.
    if (!one.fault.empty() || !other.fault.empty() || (!skip && !faults.empty())) continue;
    sums.add(one, other);
  }
  report_faults(faults, count, skip, log);
  require(sums.used() > 0, path_a, ": no pair is left to compare");
  if (!options.table.empty()) real_files().replace(options.table, sums.table());
  const auto out = sums.means(count);
  log(LogLevel::info, text("LPIPS (", options.net, ", v0.1, weights ", out.hash, ") of ", out.pairs, " pairs; mse ",
                           out.mse, " per entry in [-1, 1], psnr ", out.psnr(), " dB, ssim ", out.ssim));
  return out;
}

}  // namespace monge::session
