#include "monge/eval/feature_statistics.h"

#include <algorithm>
#include <charconv>

#include "monge/core/error.h"
#include "monge/core/format_version.h"
#include "monge/core/names.h"
#include "monge/core/user_words.h"
#include "monge/eval/frechet.h"
#include "monge/io/safetensors.h"

namespace monge::eval {
namespace {

constexpr std::string_view kFormat = "monge feature statistics ";  // before the number of the version
constexpr int64_t kVersion = 1;

/// "inception (clean, weights 0123456789abcdef)"
std::string described(const FeatureProtocol& p) { return p.net + " (" + p.mode + ", weights " + p.hash + ")"; }

/// A hash of all numbers, by which a reader detects a damaged file.
std::string numbers_hash(const io::TensorFile& content) {
  std::string all;
  for (const auto& [name, tensor] : content.tensors) {
    const auto plain = io::plain(tensor);
    all += name + content_hash(io::bytes_of(plain));
  }
  return content_hash(all);
}

/// The whole number that `word` spells, or -1.
int64_t whole_number(const std::string& word) {
  int64_t out = -1;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
  return error == std::errc() && end == word.data() + word.size() ? out : -1;
}

}  // namespace

FeatureProtocol protocol_of(const FeatureNet& net) { return {net.name(), net.mode(), net.hash()}; }

bool is_fid_net(const FeatureProtocol& p) { return names_fid_net(p.net) && !is_own_mode(p.mode); }
std::string frechet_name(const FeatureProtocol& p) { return is_fid_net(p) ? "FID" : "FD(" + p.net + ")"; }
std::string kernel_name(const FeatureProtocol& p) { return is_fid_net(p) ? "KID" : "KD(" + p.net + ")"; }

void require_same_protocol(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto &p = a.protocol, &q = b.protocol;
  // Outside nets are told apart by their weights, not by the names of their files.
  const bool same_net = p.net == q.net || (is_own_mode(p.mode) && is_own_mode(q.mode));
  if (same_net && p.mode == q.mode && p.hash == q.hash) return;
  throw InputError({.what = "features of different protocols cannot be compared",
                    .where = a.source + " and " + b.source,
                    .value = described(p) + " and " + described(q),
                    .fix = "compute both with the same net and the same mode"});
}

void write_statistics(const std::filesystem::path& path, const FeatureStatistics& s, const Files& files) {
  io::TensorFile content;
  content.tensors = {{"mean", s.moments.mean_F}, {"covariance", s.moments.covariance_FF}};
  if (s.features_NF.defined()) content.tensors.emplace_back("features", s.features_NF.to(torch::kFloat32));
  content.metadata = {
      {"format", text(kFormat, kVersion)}, {"net", s.protocol.net}, {"mode", s.protocol.mode},
      {"weights", s.protocol.hash},        {"source", s.source},    {"count", std::to_string(s.moments.count)}};
  std::sort(content.tensors.begin(), content.tensors.end(),
            [](const auto& x, const auto& y) { return x.first < y.first; });
  content.metadata["numbers"] = numbers_hash(content);
  io::write_safetensors(path, content, files);
}

FeatureStatistics read_statistics(const std::filesystem::path& path, const Files& files) {
  auto content = io::read_safetensors(path, files);
  const auto where = path.string();
  const auto word = [&](const char* key) {
    const auto at = content.metadata.find(key);
    return at == content.metadata.end() ? std::string() : at->second;
  };
  const auto format = word("format");
  if (!format.starts_with(kFormat)) {
    throw InputError({.what = "holds no feature statistics",
                      .where = where,
                      .value = format.empty() ? "no format in its metadata" : "the format " + shown(format),
                      .allowed = text('"', kFormat, kVersion, '"'),
                      .fix = "write it with: " + user_word("eval::write_statistics()") + " SET " + where});
  }
  require_format_version(where, "file of statistics", format.substr(kFormat.size()), kVersion);
  std::sort(content.tensors.begin(), content.tensors.end(),
            [](const auto& x, const auto& y) { return x.first < y.first; });
  require(word("numbers") == numbers_hash(content), where,
          ": is damaged: its numbers do not match its hash; write it again with ",
          user_word("eval::write_statistics()"));
  const auto tensor = [&](const char* name) {
    const auto* found = content.find(name);
    return found ? *found : torch::Tensor();
  };
  FeatureStatistics out{.protocol = {word("net"), word("mode"), word("weights")},
                        .source = where,
                        .moments = {whole_number(word("count")), tensor("mean"), tensor("covariance")},
                        .features_NF = tensor("features")};
  const auto& [count, mean, covariance] = out.moments;
  const auto doubles = [](const torch::Tensor& t) {
    return t.defined() && t.scalar_type() == torch::kFloat64 && t.isfinite().all().item<bool>();
  };
  const bool fits = count >= 2 && doubles(mean) && doubles(covariance) && mean.dim() == 1 && mean.size(0) > 0 &&
                    covariance.sizes() == torch::IntArrayRef({mean.size(0), mean.size(0)}) &&
                    torch::equal(covariance, covariance.t()) && covariance.diagonal().min().item<double>() >= 0 &&
                    !out.protocol.net.empty() && !out.protocol.mode.empty() && !out.protocol.hash.empty();
  require(fits, where, ": its mean, covariance, count and net are inconsistent; write it again with ",
          user_word("eval::write_statistics()"));
  const auto& features = out.features_NF;
  require(!features.defined() || (features.scalar_type() == torch::kFloat32 && features.isfinite().all().item<bool>() &&
                                  features.sizes() == torch::IntArrayRef({count, mean.size(0)})),
          where, ": its features do not match its count; write it again with ", user_word("eval::write_statistics()"));
  return out;
}

void require_features(const FeatureStatistics& s) {
  require(s.features_NF.defined(), s.source,
          ": holds only the mean and the covariance, but the kernel distance needs the features; write it again with ",
          user_word("eval::write_statistics() of a sweep with keep_features"));
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  require_same_protocol(a, b);
  return frechet_distance(a.moments, b.moments);
}

KernelDistance kernel_distance(const FeatureStatistics& a, const FeatureStatistics& b, dist::ProcessGroup& group,
                               const BetweenBlocks& between_blocks) {
  require_same_protocol(a, b);
  require_features(a);
  require_features(b);
  return kernel_distance(a.features_NF, b.features_NF, group, between_blocks);
}

std::string few_features_warning(const FeatureStatistics& s) {
  const auto &count = s.moments.count, features = s.moments.mean_F.size(0);
  if (count > features) return {};
  return text(
      s.source, ": ", count, " samples for ", features,
      " features: the covariance is singular, and the Frechet distance has a large positive bias; compare it only "
      "with distances of the same counts, or use the kernel distance (",
      user_word("eval::kernel_distance()"), ")");
}

}  // namespace monge::eval
