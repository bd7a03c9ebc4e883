#include "monge/eval/feature_statistics.h"

#include "monge/core/error.h"
#include "monge/eval/frechet.h"
#include "monge/io/safetensors.h"

namespace monge::eval {
namespace {

constexpr const char* kFormat = "monge feature statistics 1";

/// "inception (clean, weights 0123456789abcdef)"
std::string described(const FeatureProtocol& p) { return p.net + " (" + p.mode + ", weights " + p.hash + ")"; }

void require_same(const FeatureStatistics& a, const FeatureStatistics& b) {
  const auto &p = a.protocol, &q = b.protocol;
  if (p.net == q.net && p.mode == q.mode && p.hash == q.hash) return;
  throw Error(Complaint{.what = "features of different protocols do not compare",
                        .where = a.source + " and " + b.source,
                        .value = described(p) + " and " + described(q),
                        .fix = "take both with one net and one mode (--features, --mode)"});
}

}  // namespace

FeatureProtocol protocol_of(const FeatureNet& net) { return {net.name(), net.mode(), net.hash()}; }

std::string frechet_name(const FeatureProtocol& p) { return p.net == "inception" ? "FID" : "FD(" + p.net + ")"; }
std::string kernel_name(const FeatureProtocol& p) { return p.net == "inception" ? "KID" : "KD(" + p.net + ")"; }

void write_statistics(const std::filesystem::path& path, const FeatureStatistics& s, const Files& files) {
  io::TensorFile content;
  content.tensors = {{"mean", s.moments.mean_F}, {"covariance", s.moments.covariance_FF}};
  if (s.features_NF.defined()) content.tensors.emplace_back("features", s.features_NF.to(torch::kFloat32));
  content.metadata = {{"format", kFormat},           {"net", s.protocol.net},   {"mode", s.protocol.mode},
                      {"weights", s.protocol.hash},  {"source", s.source},      {"count", std::to_string(s.moments.count)}};
  io::write_safetensors(path, content, files);
}

FeatureStatistics read_statistics(const std::filesystem::path& path, const Files& files) {
  const auto content = io::read_safetensors(path, files);
  const auto where = path.string();
  const auto word = [&](const char* key) {
    const auto at = content.metadata.find(key);
    return at == content.metadata.end() ? std::string() : at->second;
  };
  if (word("format") != kFormat) {
    throw Error(Complaint{.what = "holds no feature statistics", .where = where,
                          .value = word("format").empty() ? "no format in its metadata" : "the format \"" + word("format") + '"',
                          .allowed = std::string("\"") + kFormat + '"',
                          .fix = "make it with: monge stats SET " + where});
  }
  const auto tensor = [&](const char* name) {
    for (const auto& [key, value] : content.tensors) {
      if (key == name) return value;
    }
    return torch::Tensor();
  };
  FeatureStatistics out{.protocol = {word("net"), word("mode"), word("weights")}, .source = where, .moments = {}, .features_NF = tensor("features")};
  out.moments = {std::atoll(word("count").c_str()), tensor("mean"), tensor("covariance")};
  const auto& [count, mean, covariance] = out.moments;
  const bool fits = count >= 2 && mean.defined() && covariance.defined() && mean.dim() == 1 &&
                    covariance.sizes() == torch::IntArrayRef({mean.size(0), mean.size(0)}) &&
                    mean.scalar_type() == torch::kFloat64 && covariance.scalar_type() == torch::kFloat64 &&
                    mean.isfinite().all().item<bool>() && covariance.isfinite().all().item<bool>();
  require(fits, where, ": its mean, covariance and count do not fit each other; make it anew with monge stats");
  require(!out.features_NF.defined() || out.features_NF.sizes() == torch::IntArrayRef({count, mean.size(0)}), where,
          ": its features are not of its count; make it anew with monge stats");
  return out;
}

double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  require_same(a, b);
  return frechet_distance(a.moments, b.moments);
}

KernelDistance kernel_distance(const FeatureStatistics& a, const FeatureStatistics& b) {
  require_same(a, b);
  for (const auto* side : {&a, &b}) {
    require(side->features_NF.defined(), side->source, ": keeps mean and covariance alone, and the kernel distance needs the "
            "features; make it anew with monge stats --with-features");
  }
  return kernel_distance(a.features_NF, b.features_NF);
}

std::string few_features_warning(const FeatureStatistics& s) {
  const auto &count = s.moments.count, features = s.moments.mean_F.size(0);
  if (count > features) return {};
  return text(s.source, ": ", count, " samples for ", features, " features: the covariance is singular and the Frechet distance "
              "too high by a large bias; compare it with figures of equal counts only, or use the kernel distance (monge kid)");
}

}  // namespace monge::eval
