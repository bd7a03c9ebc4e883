// Compares values and gradients of one step of the nets with float64 on the CPU, before errors can grow.
#include <torch/autograd.h>

#include "bench/checks/problem.h"
#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/solve/autocast.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"

namespace monge::bench {
namespace {

/// The results of a step, each as one flat vector.
struct Step {
  torch::Tensor map, potential;                      ///< T(x) and f(T(x))
  torch::Tensor map_gradients, potential_gradients;  ///< of the two losses
};

torch::Tensor joined(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> flat;
  for (const auto& tensor : tensors) flat.push_back(tensor.detach().cpu().to(torch::kFloat64).flatten());
  return torch::cat(flat);
}

Step step(const Problem& problem, const std::string& precision, torch::Device device, bool reference) {
  const auto recipe =
      recipe_of(problem, {"train.precision=" + precision, reference ? "train.fused=false" : "train.fused=true",
                          reference ? "train.gpu_kernels=false" : "train.gpu_kernels=true"});
  const auto nets = solve::make_nets(recipe, problem.item_shape, problem.item_shape);
  const auto type = solve::state_type(precision);
  for (torch::nn::Module* net :
       {static_cast<torch::nn::Module*>(nets.map.get()), static_cast<torch::nn::Module*>(nets.potential.get())}) {
    net->to(device);
    nn::to_type(*net, type);
    if (!reference) nn::to_channels_last(*net);
  }
  std::vector<int64_t> shape{recipe.train.batch};
  shape.insert(shape.end(), problem.item_shape.begin(), problem.item_shape.end());
  const auto draw = [&](const char* purpose) {
    const auto batch = torch::randn(shape, RandomStreams(11).at(purpose, 0)).tanh().to(type).to(device);
    return !reference && batch.dim() == 4 ? batch.contiguous(torch::MemoryFormat::ChannelsLast) : batch;
  };
  const auto x = draw("x"), y = draw("y");
  torch::Tensor t_x, f_t, f_y;
  {
    const solve::PrecisionScope arithmetic(device, precision);
    t_x = nets.map->forward(x);
    f_t = nets.potential->forward(t_x);
    f_y = nets.potential->forward(y);
  }
  Step out{.map = joined({t_x}), .potential = joined({f_t}), .map_gradients = {}, .potential_gradients = {}};
  const double scale = 1024;  // fp16 would lose small gradients; trainings have a loss scaler for it
  const auto map_loss = (t_x.to(type) - x).square().mean() - f_t.to(type).mean();
  const auto potential_loss = f_t.to(type).mean() - f_y.to(type).square().mean();
  out.map_gradients =
      joined(torch::autograd::grad({map_loss * scale}, nets.map->parameters(), {}, /*retain_graph=*/true));
  out.potential_gradients = joined(torch::autograd::grad({potential_loss * scale}, nets.potential->parameters()));
  return out;
}

/// |a - b| / |b| with Euclidean norms.
double norm_error(const torch::Tensor& a, const torch::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

std::vector<Outcome> against_float64(torch::Device device) {
  std::vector<Outcome> out;
  for (const auto* problem : {&vectors(), &images()}) {
    const auto expected = step(*problem, "fp64", torch::kCPU, /*reference=*/true);
    const auto compare = [&](const std::string& precision, bool tf32, double tolerance, double of_gradients) {
      const Tf32 setting(tf32);
      const auto found = step(*problem, precision, device, /*reference=*/false);
      const auto add = [&](const char* what, const torch::Tensor& a, const torch::Tensor& b, double most) {
        out.push_back(compared(text(problem->name, " ", tf32 ? "TF32" : precision, " ", what), norm_error(a, b), most));
      };
      add("map", found.map, expected.map, tolerance);
      add("potential", found.potential, expected.potential, tolerance);
      add("map's gradient", found.map_gradients, expected.map_gradients, of_gradients);
      add("potential's gradient", found.potential_gradients, expected.potential_gradients, of_gradients);
    };
    compare("fp32", false, 1e-4, 1e-4);
    // If rounding moves a value over the kink of ReLU, its gradient changes: 20 layers in bf16 have 0.26 on a CPU.
    compare("bf16", false, 0.1, 0.5);
    if (device.is_cuda()) {
      compare("fp16", false, 0.02, 0.2);
      compare("fp32", true, 0.02, 0.2);
    }
  }
  return out;
}

}  // namespace

std::vector<Check> net_checks() { return {{"nets against float64", against_float64}}; }

}  // namespace monge::bench
