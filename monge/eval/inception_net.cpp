#include "monge/eval/inception_net.h"

#include <torch/utils.h>

#include <array>
#include <map>
#include <set>

#include "monge/core/error.h"
#include "monge/eval/convolution.h"

namespace monge::eval {
namespace {

constexpr double kEpsilon = 0.001;  // of the batch normalisations
constexpr int64_t kClasses = 1008, kFeatures = 2048;

/// The shape of a convolution. `valid` ones have no padding; the others keep the size (at stride 1).
struct Kernel {
  int64_t height = 1, width = 1, stride = 1;
  bool valid = false;
};

enum class Pool { average, maximum, none };

/// A branch of a mixed block: a chain of units. If it forks, the last two units both take the output of the unit before
/// them, and their outputs are concatenated.
struct Branch {
  std::vector<std::string> units;
  bool forks = false;
};

torch::Tensor max_pool(const torch::Tensor& x, int64_t stride, int64_t padding) {
  return torch::max_pool2d(x, 3, stride, padding);
}

}  // namespace

/// A convolution without bias, its batch normalisation and ReLU.
struct InceptionNet::Unit : torch::nn::Module {
  Unit(int64_t in, int64_t out, Kernel kernel) {
    stride = {kernel.stride, kernel.stride};
    if (!kernel.valid) padding = {kernel.height / 2, kernel.width / 2};
    // Plain modules, because Conv2d and BatchNorm2d would draw 24 million initial weights.
    const auto conv = register_module("conv", std::make_shared<torch::nn::Module>());
    const auto bn = register_module("bn", std::make_shared<torch::nn::Module>());
    constexpr bool grad = false;
    weight = conv->register_parameter("weight", torch::empty({out, in, kernel.height, kernel.width}), grad);
    scale = bn->register_parameter("weight", torch::empty({out}), grad);
    shift = bn->register_parameter("bias", torch::empty({out}), grad);
    mean = bn->register_buffer("running_mean", torch::empty({out}));
    variance = bn->register_buffer("running_var", torch::empty({out}));
    bn->register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
  }

  torch::Tensor forward(const torch::Tensor& x) const {
    if (folded) return exact_conv2d(x, weight, shift, stride, padding).relu_();
    const auto y = exact_conv2d(x, weight, {}, stride, padding);
    return torch::batch_norm(y, scale, shift, mean, variance, /*training=*/false, /*momentum=*/0, kEpsilon,
                             /*cudnn_enabled=*/false)
        .relu_();
  }

  void fold() {
    const auto factor = scale.to(torch::kFloat64) / (variance.to(torch::kFloat64) + kEpsilon).sqrt();
    weight.copy_(weight * factor.reshape({-1, 1, 1, 1}));
    shift.copy_(shift - mean * factor);
    scale.fill_(1);
    mean.zero_();
    variance.fill_(1 - kEpsilon);
    folded = true;
  }

  torch::Tensor weight, scale, shift, mean, variance;
  std::array<int64_t, 2> stride = {1, 1}, padding = {0, 0};
  bool folded = false;
};

/// Parallel branches whose outputs are concatenated. The last is a pooling, which a 1x1 unit may follow.
struct InceptionNet::Mixed : torch::nn::Module {
  void add(const std::string& name, int64_t in, int64_t out, Kernel kernel = {}) {
    units[name] = register_module(name, std::make_shared<Unit>(in, out, kernel));
  }

  torch::Tensor forward(const torch::Tensor& x) const {
    std::vector<torch::Tensor> out;
    for (const auto& branch : branches) {
      auto h = x;
      const size_t chain = branch.units.size() - (branch.forks ? 2 : 0);
      for (size_t i = 0; i < chain; ++i) h = units.at(branch.units[i])->forward(h);
      if (!branch.forks) out.push_back(h);
      for (size_t i = chain; i < branch.units.size(); ++i) out.push_back(units.at(branch.units[i])->forward(h));
    }
    switch (pool) {
      case Pool::average:
        out.push_back(
            units.at("branch_pool")->forward(torch::avg_pool2d(x, 3, 1, 1, false, /*count_include_pad=*/false)));
        break;
      case Pool::maximum:
        out.push_back(units.at("branch_pool")->forward(max_pool(x, 1, 1)));
        break;
      case Pool::none:
        out.push_back(max_pool(x, 2, 0));
        break;  // the blocks that halve the size have no unit here
    }
    return torch::cat(out, 1);
  }

  std::map<std::string, std::shared_ptr<Unit>> units;
  std::vector<Branch> branches;
  Pool pool = Pool::average;

  // ---- The blocks, named by the letters of the public codes.

  static std::shared_ptr<Mixed> a(int64_t in, int64_t pooled) {  // 35 x 35
    auto out = std::make_shared<Mixed>();
    out->add("branch1x1", in, 64);
    out->add("branch5x5_1", in, 48);
    out->add("branch5x5_2", 48, 64, {5, 5});
    out->add("branch3x3dbl_1", in, 64);
    out->add("branch3x3dbl_2", 64, 96, {3, 3});
    out->add("branch3x3dbl_3", 96, 96, {3, 3});
    out->add("branch_pool", in, pooled);
    out->branches = {
        {{"branch1x1"}}, {{"branch5x5_1", "branch5x5_2"}}, {{"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}}};
    return out;
  }

  static std::shared_ptr<Mixed> b(int64_t in) {  // 35 x 35 -> 17 x 17
    auto out = std::make_shared<Mixed>();
    out->add("branch3x3", in, 384, {3, 3, 2, true});
    out->add("branch3x3dbl_1", in, 64);
    out->add("branch3x3dbl_2", 64, 96, {3, 3});
    out->add("branch3x3dbl_3", 96, 96, {3, 3, 2, true});
    out->branches = {{{"branch3x3"}}, {{"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3"}}};
    out->pool = Pool::none;
    return out;
  }

  static std::shared_ptr<Mixed> c(int64_t width) {  // 17 x 17
    constexpr int64_t in = 768, last = 192;
    auto out = std::make_shared<Mixed>();
    out->add("branch1x1", in, last);
    out->add("branch7x7_1", in, width);
    out->add("branch7x7_2", width, width, {1, 7});
    out->add("branch7x7_3", width, last, {7, 1});
    out->add("branch7x7dbl_1", in, width);
    out->add("branch7x7dbl_2", width, width, {7, 1});
    out->add("branch7x7dbl_3", width, width, {1, 7});
    out->add("branch7x7dbl_4", width, width, {7, 1});
    out->add("branch7x7dbl_5", width, last, {1, 7});
    out->add("branch_pool", in, last);
    out->branches = {{{"branch1x1"}},
                     {{"branch7x7_1", "branch7x7_2", "branch7x7_3"}},
                     {{"branch7x7dbl_1", "branch7x7dbl_2", "branch7x7dbl_3", "branch7x7dbl_4", "branch7x7dbl_5"}}};
    return out;
  }

  static std::shared_ptr<Mixed> d(int64_t in) {  // 17 x 17 -> 8 x 8
    auto out = std::make_shared<Mixed>();
    out->add("branch3x3_1", in, 192);
    out->add("branch3x3_2", 192, 320, {3, 3, 2, true});
    out->add("branch7x7x3_1", in, 192);
    out->add("branch7x7x3_2", 192, 192, {1, 7});
    out->add("branch7x7x3_3", 192, 192, {7, 1});
    out->add("branch7x7x3_4", 192, 192, {3, 3, 2, true});
    out->branches = {{{"branch3x3_1", "branch3x3_2"}},
                     {{"branch7x7x3_1", "branch7x7x3_2", "branch7x7x3_3", "branch7x7x3_4"}}};
    out->pool = Pool::none;
    return out;
  }

  static std::shared_ptr<Mixed> e(int64_t in, Pool pool) {  // 8 x 8
    auto out = std::make_shared<Mixed>();
    out->add("branch1x1", in, 320);
    out->add("branch3x3_1", in, 384);
    out->add("branch3x3_2a", 384, 384, {1, 3});
    out->add("branch3x3_2b", 384, 384, {3, 1});
    out->add("branch3x3dbl_1", in, 448);
    out->add("branch3x3dbl_2", 448, 384, {3, 3});
    out->add("branch3x3dbl_3a", 384, 384, {1, 3});
    out->add("branch3x3dbl_3b", 384, 384, {3, 1});
    out->add("branch_pool", in, 192);
    out->branches = {{{"branch1x1"}},
                     {{"branch3x3_1", "branch3x3_2a", "branch3x3_2b"}, /*forks=*/true},
                     {{"branch3x3dbl_1", "branch3x3dbl_2", "branch3x3dbl_3a", "branch3x3dbl_3b"}, /*forks=*/true}};
    out->pool = pool;
    return out;
  }
};

InceptionNet::InceptionNet() {
  const auto stem = [&](const std::string& name, int64_t in, int64_t out, Kernel kernel) {
    stem_.push_back(register_module("Conv2d_" + name, std::make_shared<Unit>(in, out, kernel)));
  };
  stem("1a_3x3", 3, 32, {3, 3, 2, true});
  stem("2a_3x3", 32, 32, {3, 3, 1, true});
  stem("2b_3x3", 32, 64, {3, 3});
  stem("3b_1x1", 64, 80, {});
  stem("4a_3x3", 80, 192, {3, 3, 1, true});
  const auto mixed = [&](const std::string& name, std::shared_ptr<Mixed> block) {
    mixed_.push_back(register_module("Mixed_" + name, std::move(block)));
  };
  mixed("5b", Mixed::a(192, 32));
  mixed("5c", Mixed::a(256, 64));
  mixed("5d", Mixed::a(288, 64));
  mixed("6a", Mixed::b(288));
  mixed("6b", Mixed::c(128));
  mixed("6c", Mixed::c(160));
  mixed("6d", Mixed::c(160));
  mixed("6e", Mixed::c(192));
  mixed("7a", Mixed::d(768));
  mixed("7b", Mixed::e(1280, Pool::average));
  mixed("7c", Mixed::e(kFeatures, Pool::maximum));
  const auto fc = register_module("fc", std::make_shared<torch::nn::Module>());
  fc->register_parameter("weight", torch::zeros({kClasses, kFeatures}), /*requires_grad=*/false);
  fc->register_parameter("bias", torch::zeros({kClasses}), /*requires_grad=*/false);
  eval();
}

void InceptionNet::load(const nn::NamedTensors& state, const std::string& where) {
  std::set<std::string> given;
  for (const auto& entry : state) given.insert(entry.first);
  auto whole = state;
  for (const auto& [key, tensor] : nn::state_dict(*this)) {
    const bool unused = key.ends_with(".num_batches_tracked") || key.starts_with("fc.");
    if (unused && given.count(key) == 0) whole.emplace_back(key, tensor);
  }
  try {
    nn::load_state_dict(*this, whole, where);
  } catch (const InputError& error) {
    auto complaint = error.complaint();
    complaint.fix =
        "use the weights of the FID Inception, pt_inception-2015-12-05-6726825d.pth, or a file with its keys";
    throw InputError(complaint);
  }
}

void InceptionNet::fold() {
  const at::NoGradGuard no_grad;
  for (const auto& unit : stem_) unit->fold();
  for (const auto& block : mixed_) {
    for (const auto& [name, unit] : block->units) unit->fold();
  }
}

std::vector<torch::Tensor> InceptionNet::blocks(const torch::Tensor& x) const {
  require(x.dim() == 4 && x.size(1) == 3 && x.size(2) >= 75 && x.size(3) >= 75,
          "Inception: the images must be [N, 3, H, W] of 75 x 75 pixels or more; got ", x.sizes());
  std::vector<torch::Tensor> out;
  auto h = x;
  for (size_t i = 0; i < stem_.size(); ++i) {
    h = stem_[i]->forward(h);
    if (i == 2 || i == 4) out.push_back(h = max_pool(h, 2, 0));
  }
  for (size_t i = 0; i < mixed_.size(); ++i) {
    if (i == 8) out.push_back(h);
    h = mixed_[i]->forward(h);
  }
  out.push_back(h.mean({2, 3}, /*keepdim=*/true));
  return out;
}

}  // namespace monge::eval
