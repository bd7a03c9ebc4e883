#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "monge/eval/image_range.h"
#include "monge/eval/kernel_distance.h"
#include "monge/eval/paired.h"
#include "monge/eval/push_forward_error.h"
#include "monge/eval/sample_comparison.h"
#include "monge/session/feature_distance.h"
#include "monge/session/paired_distances.h"
#include "python/bindings/arrays.h"
#include "python/bindings/hooks.h"
#include "python/bindings/native_call.h"
#include "python/bindings/training.h"

namespace monge::python {
namespace {

/// A number from two arrays, computed without the GIL.
template <class Distance>
double of_arrays(const Array& a, const Array& b, const Distance& distance) {
  const auto x = tensor_of(a), y = tensor_of(b);
  const NativeCall call;
  return distance(x, y);
}

nb::dict dict_of(const NamedMetrics& metrics) {
  nb::dict out;
  for (const auto& [name, value] : metrics) out[name.c_str()] = value;
  return out;
}

nb::dict sample_distances(const Array& a, const Array& reference, int64_t plan_points, uint64_t seed) {
  const auto x = tensor_of(a), y = tensor_of(reference);
  eval::SampleDistances distances, floor;
  double bandwidth = 0;
  int64_t points = 0;
  {
    const NativeCall call;
    const eval::SampleComparison comparison(y, plan_points, seed);
    distances = comparison.compare(x);
    floor = comparison.floor();
    bandwidth = comparison.bandwidth();
    points = comparison.plan_points();
  }
  auto out = dict_of(distances.named());
  out["floor"] = dict_of(floor.named());
  out["bandwidth"] = bandwidth;
  out["plan_points"] = points;
  return out;
}

nb::dict feature_distance(const std::string& a, const std::string& b, bool kernel,
                          const session::FeatureOptions& options, const std::string& device,
                          const nb::object& receiver) {
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    return session::feature_distance(a, b, kernel ? session::FeatureMetric::kernel : session::FeatureMetric::frechet,
                                     options, {.device = device}, hooks);
  });
  nb::dict out;
  out["metric"] = result.metric;
  out["value"] = result.value;
  out["standard_error"] = result.standard_error;
  out["features"] = result.a.statistics.protocol.net;
  out["mode"] = result.a.statistics.protocol.mode;
  out["weights"] = result.a.statistics.protocol.hash;
  out["n_a"] = result.a.statistics.moments.count;
  out["n_b"] = result.b.statistics.moments.count;
  out["skipped_a"] = result.a.skipped;
  out["skipped_b"] = result.b.skipped;
  return out;
}

nb::dict paired_distances(const std::string& a, const std::string& b, const session::PairedOptions& options,
                          const std::string& device, const nb::object& receiver) {
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    return session::compare_pairs(a, b, options, {.device = device}, hooks);
  });
  nb::dict out;
  out["lpips"] = result.lpips;
  out["mse"] = result.mse;
  out["psnr"] = result.psnr();
  out["ssim"] = result.ssim;
  out["pairs"] = result.pairs;
  out["skipped"] = result.skipped;
  out["weights"] = result.hash;
  return out;
}

}  // namespace

void bind_metrics(nb::module_& m) {
  m.def(
      "energy_distance",
      [](const Array& a, const Array& b, bool unbiased) {
        return of_arrays(a, b, [&](const auto& x, const auto& y) {
          return eval::energy_distance(x, y, unbiased ? eval::Pairs::distinct : eval::Pairs::all);
        });
      },
      nb::arg("a"), nb::arg("b"), nb::arg("unbiased"));
  m.def(
      "sliced_wasserstein",
      [](const Array& a, const Array& b, int64_t projections, uint64_t seed) {
        return of_arrays(
            a, b, [&](const auto& x, const auto& y) { return eval::sliced_wasserstein(x, y, projections, seed); });
      },
      nb::arg("a"), nb::arg("b"), nb::arg("projections"), nb::arg("seed"));
  m.def(
      "l2_uvp",
      [](const Array& prediction, const Array& truth, double target_variance) {
        return of_arrays(prediction, truth,
                         [&](const auto& x, const auto& y) { return eval::l2_uvp(x, y, target_variance); });
      },
      nb::arg("prediction"), nb::arg("truth"), nb::arg("target_variance"));
  m.def(
      "kernel_distance",
      [](const Array& a, const Array& b) {
        const auto x = tensor_of(a), y = tensor_of(b);
        eval::KernelDistance distance;
        {
          const NativeCall call;
          distance = eval::kernel_distance(x, y);
        }
        return nb::make_tuple(distance.value, distance.standard_error);
      },
      nb::arg("a"), nb::arg("b"));
  m.def("sample_distances", &sample_distances, nb::arg("a"), nb::arg("reference"), nb::arg("plan_points"),
        nb::arg("seed"));
  using session::FeatureOptions;
  using session::PairedOptions;
  nb::class_<FeatureOptions>(m, "FeatureOptions")
      .def(nb::init<>())
      .def_rw("features", &FeatureOptions::features)
      .def_rw("mode", &FeatureOptions::mode)
      .def_rw("weights", &FeatureOptions::weights)
      .def_rw("background", &FeatureOptions::background)
      .def_rw("on_error", &FeatureOptions::on_error)
      .def_rw("batch", &FeatureOptions::batch)
      .def_rw("samples", &FeatureOptions::samples);
  m.def("feature_distance", &feature_distance, nb::arg("a"), nb::arg("b"), nb::arg("kernel"), nb::arg("options"),
        nb::arg("device"), nb::arg("hooks").none());
  nb::class_<PairedOptions>(m, "PairedOptions")
      .def(nb::init<>())
      .def_rw("net", &PairedOptions::net)
      .def_rw("weights", &PairedOptions::weights)
      .def_rw("background", &PairedOptions::background)
      .def_rw("on_error", &PairedOptions::on_error)
      .def_rw("by_order", &PairedOptions::by_order)
      .def_rw("table", &PairedOptions::table);
  m.def("paired_distances", &paired_distances, nb::arg("a"), nb::arg("b"), nb::arg("options"), nb::arg("device"),
        nb::arg("hooks").none());
}

}  // namespace monge::python
