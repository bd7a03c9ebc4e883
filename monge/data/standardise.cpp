#include "monge/data/standardise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/column_names.h"
#include "monge/data/fill_values.h"

namespace monge::data {
namespace {

constexpr int64_t kMostRows = 131'072, kLeastRows = 1'024;
constexpr int64_t kMostMeasured = 1 << 26;
constexpr int64_t kAtOnce = 8'192;  // rows read before they are counted
constexpr const char* kPrefix = "standardise/";

/// Statistics of each column.
struct Moments {
  int64_t rows = 0;
  std::vector<double> mean, variance, least, most;
  std::vector<ExtremeValues> extremes = {};  ///< empty for endless laws, which have no fill values
};

/// Welford's update, which is free of cancellation when the mean is large compared with the spread.
void add(const torch::Tensor& rows_ND, Moments& out) {
  const size_t columns = out.mean.size();
  const auto rows = rows_ND.contiguous();
  const double* row = rows.const_data_ptr<double>();
  for (int64_t i = 0; i < rows.size(0); ++i, row += columns) {
    const double weight = 1.0 / static_cast<double>(++out.rows);
    for (size_t k = 0; k < columns; ++k) {
      const double gap = row[k] - out.mean[k];
      out.mean[k] += weight * gap;
      out.variance[k] += gap * (row[k] - out.mean[k]);  // the sum of squares so far
      out.least[k] = std::min(out.least[k], row[k]);
      out.most[k] = std::max(out.most[k], row[k]);
    }
    for (size_t k = 0; k < out.extremes.size(); ++k) out.extremes[k].add(row[k]);
  }
}

Moments measure(const Source& source, uint64_t seed) {
  const auto shape = source.item_shape();
  if (shape.size() != 1) {
    throw InputError({.what = "standardisation needs vectors, but " + source.name() + " has items of shape " +
                              text(torch::IntArrayRef(shape)),
                      .where = "data.standardise",
                      .fix = "set it to \"off\""});
  }
  const auto columns = static_cast<size_t>(shape[0]);
  Moments out{.mean = std::vector<double>(columns),
              .variance = std::vector<double>(columns),
              .least = std::vector<double>(columns, std::numeric_limits<double>::infinity()),
              .most = std::vector<double>(columns, -std::numeric_limits<double>::infinity())};
  const RandomStreams streams(seed);
  const int64_t wanted = std::clamp(kMostMeasured / shape[0], kLeastRows, kMostRows);
  if (source.endless()) {
    for (int64_t done = 0; done < wanted; done += kAtOnce) {
      add(source.exact_draw(std::min(kAtOnce, wanted - done), streams.at("standardise", done)), out);
    }
  } else {
    out.extremes.resize(columns);
    // Both sides use the same stream, as for held-out items.
    std::vector<int64_t> seen;
    if (source.size() > wanted) {
      seen = some_indices(source.size(), wanted, streams.at("standardise", 0));
      std::sort(seen.begin(), seen.end());  // a file is then read sequentially
    } else {
      seen.resize(static_cast<size_t>(source.size()));
      std::iota(seen.begin(), seen.end(), 0);
    }
    for (auto at = seen.begin(); at != seen.end();) {
      const auto end = at + std::min<int64_t>(kAtOnce, seen.end() - at);
      add(source.exact_items({at, end}), out);
      at = end;
    }
  }
  for (auto& sum : out.variance) sum /= static_cast<double>(out.rows);
  return out;
}

/// The moments of the even mixture of the two.
Moments mixture(const Moments& a, const Moments& b) {
  Moments out = a;
  for (size_t k = 0; k < a.mean.size(); ++k) {
    const double half_gap = (a.mean[k] - b.mean[k]) / 2;
    out.mean[k] = a.mean[k] / 2 + b.mean[k] / 2;
    out.variance[k] = (a.variance[k] + b.variance[k]) / 2 + half_gap * half_gap;
    out.least[k] = std::min(a.least[k], b.least[k]);
    out.most[k] = std::max(a.most[k], b.most[k]);
  }
  return out;
}

/// The standard deviations; 1 for columns without spread, which are logged.
std::vector<double> deviations(const Moments& moments, const std::string& side, const std::vector<std::string>& names,
                               const LogSink& log) {
  auto scale = moments.variance;
  std::vector<int64_t> constant;
  for (size_t k = 0; k < scale.size(); ++k) {
    // Decided by the values, since the rounded mean of equal numbers can differ from them. A spread that underflows
    // counts as none.
    const bool none = moments.least[k] == moments.most[k] || !(scale[k] > 0);
    scale[k] = none ? 1 : std::sqrt(scale[k]);
    if (none) constant.push_back(static_cast<int64_t>(k));
  }
  if (!constant.empty()) {
    log(LogLevel::info, text("data.standardise: ", side, ": ", constant.size(), " of ", scale.size(),
                             " columns have no spread and keep their scale: ", column_labels(names, constant)));
  }
  return scale;
}

Columns columns_of(const Moments& moments, const std::string& side, const std::vector<std::string>& names,
                   const LogSink& log) {
  return {torch::tensor(moments.mean, torch::kFloat64),
          torch::tensor(deviations(moments, side, names, log), torch::kFloat64)};
}

/// The mean, and one scale for all columns: the root of their mean variance.
Columns with_one_scale(const Moments& moments) {
  double sum = 0;
  for (size_t k = 0; k < moments.variance.size(); ++k)
    sum += moments.least[k] == moments.most[k] ? 0 : moments.variance[k];
  const double scale = sum > 0 ? std::sqrt(sum / static_cast<double>(moments.variance.size())) : 1;
  return {torch::tensor(moments.mean, torch::kFloat64),
          torch::full({static_cast<int64_t>(moments.mean.size())}, scale, torch::kFloat64)};
}

void require_width(const torch::Tensor& rows_ND, const Columns& columns) {
  const int64_t width = columns.mean.size(0);
  require(rows_ND.dim() == 2 && rows_ND.size(1) == width, "standardisation: rows of ", width,
          " columns are needed, got the shape ", rows_ND.sizes());
}

/// out[i][k] = f(rows[i][k], mean[k], scale[k]), computed in double.
template <class From, class To, class Map>
torch::Tensor each(const torch::Tensor& rows_ND, const Columns& columns, const Map& map) {
  const int64_t width = columns.mean.size(0);
  const auto rows = rows_ND.to(c10::CppTypeToScalarType<From>::value).contiguous();
  auto out = torch::empty(rows.sizes(), c10::CppTypeToScalarType<To>::value);
  const From* from = rows.template const_data_ptr<From>();
  To* to = out.template mutable_data_ptr<To>();
  const double* mean = columns.mean.const_data_ptr<double>();
  const double* scale = columns.scale.const_data_ptr<double>();
  for (int64_t i = 0; i < rows.size(0); ++i, from += width, to += width) {
    for (int64_t k = 0; k < width; ++k) to[k] = static_cast<To>(map(static_cast<double>(from[k]), mean[k], scale[k]));
  }
  return out;
}

/// Converts only if needed: rows that float32 holds exactly need no wider copy.
template <class To, class Map>
torch::Tensor each_of(const torch::Tensor& rows_ND, const Columns& columns, const Map& map) {
  require_width(rows_ND, columns);
  if (!rows_ND.is_cpu()) {
    const auto rows = rows_ND.to(torch::kFloat64);
    return map(rows, columns.mean.to(rows.device()), columns.scale.to(rows.device()))
        .to(c10::CppTypeToScalarType<To>::value);
  }
  return rows_ND.scalar_type() == torch::kFloat32 ? each<float, To>(rows_ND, columns, map)
                                                  : each<double, To>(rows_ND, columns, map);
}

// For numbers and for tensors.
constexpr auto kStandard = [](const auto& x, const auto& m, const auto& s) { return (x - m) / s; };
constexpr auto kRaw = [](const auto& z, const auto& m, const auto& s) { return z * s + m; };

std::string counted(const Source& source, const Moments& moments) {
  if (source.endless()) return text(moments.rows, " draws");
  return moments.rows < source.size() ? text(moments.rows, " of ", source.size(), " rows")
                                      : text("all ", moments.rows, " rows");
}

}  // namespace

torch::Tensor Columns::apply(const torch::Tensor& rows_ND) const { return each_of<float>(rows_ND, *this, kStandard); }

torch::Tensor Columns::apply_exactly(const torch::Tensor& rows_ND) const {
  return each_of<double>(rows_ND, *this, kStandard);
}

torch::Tensor Columns::undo(const torch::Tensor& rows_ND) const { return each_of<double>(rows_ND, *this, kRaw); }

std::vector<double> Columns::resolution() const {
  const auto steps = scale * std::ldexp(1.0, -std::numeric_limits<float>::digits);
  return {steps.const_data_ptr<double>(), steps.const_data_ptr<double>() + steps.size(0)};
}

const ValueNames<StandardiseBy>& standardise_names() {
  static const ValueNames<StandardiseBy> names{
      {"each", StandardiseBy::each}, {"joint", StandardiseBy::joint}, {"scale", StandardiseBy::scale}};
  return names;
}

Standardisation measure_columns(const Source& source, const Source& target, const std::string& kind, uint64_t seed,
                                const LogSink& log) {
  const auto by = standardise_names().find(kind);
  require(by.has_value(), "data.standardise = ", kind, ": unknown standardisation (allowed: joint, scale, each)");
  const auto p = measure(source, seed), q = measure(target, seed);
  log(LogLevel::info, text("data.standardise = ", kind, ": measured on ", counted(source, p), " of the source and ",
                           counted(target, q), " of the target"));
  warn_of_fill_values(source, fill_columns(p.extremes), target, fill_columns(q.extremes), log);
  const auto names = source.table_names().columns;
  if (by == StandardiseBy::each)
    return {columns_of(p, "source", names, log), columns_of(q, "target", target.table_names().columns, log)};
  require(p.mean.size() == q.mean.size(), "data.standardise = ", kind, ": the source has ", p.mean.size(),
          " columns, the target ", q.mean.size(), "; both need the same columns");
  const auto mixed = mixture(p, q);
  const auto both = by == StandardiseBy::scale ? with_one_scale(mixed) : columns_of(mixed, "both sides", names, log);
  return {both, both};
}

StandardisedSource::StandardisedSource(std::shared_ptr<const Source> whole, Columns columns)
    : WrappedSource(std::move(whole)), columns_(std::move(columns)) {
  const auto shape = item_shape();
  require(shape.size() == 1 && shape[0] == columns_.mean.size(0), name(), ": has items of shape ",
          torch::IntArrayRef(shape), ", but the standardisation has ", columns_.mean.size(0), " columns");
}

torch::Tensor StandardisedSource::stored_items(const std::vector<int64_t>& indices) const {
  return columns_.apply(whole().exact_items(indices));
}

torch::Tensor StandardisedSource::exact_items(const std::vector<int64_t>& indices) const {
  return columns_.apply_exactly(whole().exact_items(indices));
}

torch::Tensor StandardisedSource::draw(int64_t n, torch::Generator generator) const {
  return columns_.apply(whole().exact_draw(n, std::move(generator)));
}

torch::Tensor StandardisedSource::exact_draw(int64_t n, torch::Generator generator) const {
  return columns_.apply_exactly(whole().exact_draw(n, std::move(generator)));
}

const Source& raw_source(const Source& source) {
  const auto* standardised = dynamic_cast<const StandardisedSource*>(&source);
  return standardised ? standardised->raw() : source;
}

std::vector<std::pair<std::string, torch::Tensor>> tensors_of(const Standardisation& s) {
  return {{"standardise/source/mean", s.source.mean},
          {"standardise/source/scale", s.source.scale},
          {"standardise/target/mean", s.target.mean},
          {"standardise/target/scale", s.target.scale}};
}

std::optional<Standardisation> take_standardisation(std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                                                    const std::string& where) {
  std::vector<std::pair<std::string, torch::Tensor>> own;
  std::erase_if(tensors, [&](const auto& entry) {
    const bool ours = entry.first.starts_with(kPrefix);
    if (ours) own.push_back(entry);
    return ours;
  });
  if (own.empty()) return {};
  const auto at = [&](const std::string& name, const torch::Tensor& like) {
    const auto found = std::find_if(own.begin(), own.end(), [&](const auto& entry) { return entry.first == name; });
    require(found != own.end(), where, ": lacks the tensor \"", name, "\" of its standardisation");
    const auto& tensor = found->second;
    const bool fits = tensor.scalar_type() == torch::kFloat64 && tensor.dim() == 1 &&
                      tensor.isfinite().all().item<bool>() &&
                      (!like.defined() || (tensor.sizes() == like.sizes() && (tensor > 0).all().item<bool>()));
    require(fits, where, ": the tensor \"", name, "\" is not a ", like.defined() ? "scale" : "mean",
            " of columns (float64 [D], finite", like.defined() ? ", above 0)" : ")", ", its shape is ", tensor.sizes());
    return tensor.contiguous();
  };
  Standardisation out;
  for (auto [columns, side] : {std::pair{&out.source, "source/"}, {&out.target, "target/"}}) {
    columns->mean = at(std::string(kPrefix) + side + "mean", {});
    columns->scale = at(std::string(kPrefix) + side + "scale", columns->mean);
  }
  return out;
}

}  // namespace monge::data
