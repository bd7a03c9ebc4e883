#include "monge/session/samples_file.h"

#include <filesystem>
#include <numeric>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/column_names.h"
#include "monge/data/open.h"
#include "monge/io/npy.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;

FileSamples read_any_table(const std::string& path, const std::string& where, const LogSink& log,
                           const std::vector<std::string>& wanted) {
  data::SourceOptions options;
  options.path = path;
  auto source = data::open_source(options, log);
  if (source->endless() || source->item_shape().size() != 1) {
    throw InputError({.what = source->endless() ? "a law is endless" : "images are not samples of numbers",
                      .where = where,
                      .allowed = "a table of rows: .npy, .npz, .csv, .parquet"});
  }
  source = data::select_columns(std::move(source), wanted, where, log);
  std::vector<int64_t> all(static_cast<size_t>(source->size()));
  std::iota(all.begin(), all.end(), int64_t{0});
  return {source->exact_items(all), source->table_names().columns};
}

void check_finite_rows(const torch::Tensor& samples, const std::string& where) {
  const auto bad = samples.isfinite().logical_not().flatten(1).any(1);
  const auto rows = bad.nonzero();
  if (rows.size(0) == 0) return;
  throw InputError(
      {.what = text(rows.size(0), " of ", samples.size(0), " rows have values that are NaN or infinite, first row ",
                    rows[0][0].item<int64_t>(), " (counted from 0)"),
       .where = where,
       .fix = "only finite samples can be scored"});
}

}  // namespace

FileSamples read_samples(const std::string& path, const std::string& role, const LogSink& log,
                         const std::vector<std::string>& wanted) {
  const auto where = role + " " + path;
  const bool npy = lower_extension(path) == ".npy";
  std::error_code ignored;
  if (npy && !fs::exists(path, ignored)) throw InputError({.what = "no such file", .where = where});
  auto out = npy ? FileSamples{io::read_npy(path).to(torch::kFloat64), {}} : read_any_table(path, where, log, wanted);
  auto& values = out.values;
  if (values.dim() < 1 || values.dim() > 3 || values.numel() == 0) {
    throw InputError({.what = "the array holds no samples",
                      .where = where,
                      .value = text(values.sizes()),
                      .allowed = "[N, D], or [N, K, D] with K samples per input"});
  }
  if (values.dim() == 1) values = values.unsqueeze(1);
  check_finite_rows(values, where);
  return out;
}

}  // namespace monge::session
