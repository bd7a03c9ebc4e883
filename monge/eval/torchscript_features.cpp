#include "monge/eval/torchscript_features.h"

#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/files.h"

namespace monge::eval {
namespace {

constexpr int64_t kProbes[] = {64, 224, 299, 32, 28};  // sides of the images that are tried, in this order

/// The line of a LibTorch error that says what went wrong. In errors of the interpreter it follows a trace of the
/// program's lines; in errors of an operator it comes first, before a trace of addresses.
std::string essence(const std::exception& error) {
  const auto* detailed = dynamic_cast<const c10::Error*>(&error);
  const std::string all = detailed ? detailed->what_without_backtrace() : error.what();
  std::istringstream lines(all);
  std::string first, last;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (first.empty()) first = line;
    if (line.find("Error: ") != std::string::npos) last = line;
  }
  return last.empty() ? first : last;
}

}  // namespace

struct TorchScriptFeatures::Module {
  torch::jit::Module script;
};

TorchScriptFeatures::TorchScriptFeatures(const std::filesystem::path& file, torch::Device device)
    : file_(file.string()), name_(file.stem().string()), device_(device) {
  const auto bytes = real_files().read(file);
  hash_ = content_hash(bytes);
  try {
    std::istringstream stream(bytes);
    module_ = std::make_unique<Module>(Module{torch::jit::load(stream, torch::kCPU)});
    module_->script.eval();
  } catch (const std::exception& error) {
    throw InputError({.what = "not a TorchScript file (" + essence(error) + ")",
                      .where = file_,
                      .fix = "save the net with torch.jit.save(torch.jit.script(net), file)"});
  }
  module_->script.to(device);
  if (!module_->script.find_method("forward")) {
    throw InputError({.what = "this TorchScript module has no method forward", .where = file_});
  }
  std::string reason;
  for (const int64_t side : kProbes) {
    const auto grey = torch::full({2, side, side, 3}, 128, torch::kUInt8);
    torch::Tensor answer;
    try {
      answer = run(grey);
    } catch (const InputError& error) {
      if (reason.empty()) reason = error.what();
      continue;
    }
    check_finite_features(answer, name_);
    require(
        torch::equal(answer, run(grey)), file_,
        ": this net computes different features when it is called again; features of a random net cannot be compared");
    dim_ = answer.size(1);
    return;
  }
  throw InputError(reason);
}

TorchScriptFeatures::~TorchScriptFeatures() = default;

torch::Tensor TorchScriptFeatures::run(const torch::Tensor& bytes_NHWC) const {
  const auto x =
      bytes_NHWC.to(device_).permute({0, 3, 1, 2}).to(torch::kFloat32, false, false, torch::MemoryFormat::Contiguous);
  const c10::InferenceMode inference;
  const torch::jit::GraphOptimizerEnabledGuard plain_interpreter(false);
  torch::jit::IValue answer;
  try {
    answer = module_->script.get_method("forward")({x});
  } catch (const std::exception& error) {
    throw InputError({.what = "the net fails (" + essence(error) + ")",
                      .where = file_,
                      .value = text("an input of ", x.sizes()),
                      .fix = "the net must accept float32 [N, 3, H, W] in [0, 255] and resize the images itself"});
  }
  const auto shape =
      answer.isTensor() ? text(answer.toTensor().scalar_type(), ' ', answer.toTensor().sizes()) : answer.tagKind();
  if (!answer.isTensor() || answer.toTensor().dim() != 2 || answer.toTensor().size(0) != x.size(0) ||
      answer.toTensor().size(1) == 0 || !answer.toTensor().is_floating_point()) {
    throw InputError({.what = text("the net does not return one row of features for each of ", x.size(0), " images"),
                      .where = file_,
                      .value = shape,
                      .allowed = text("floats [", x.size(0), ", F]"),
                      .fix = "flatten or pool what it returns, e.g. x.mean([2, 3])"});
  }
  return answer.toTensor().to(torch::kCPU, torch::kFloat32);
}

torch::Tensor TorchScriptFeatures::features(const std::vector<torch::Tensor>& images_HWC) const {
  check_images(images_HWC, name_);
  std::map<std::pair<int64_t, int64_t>, std::vector<int64_t>> by_size;
  for (size_t i = 0; i < images_HWC.size(); ++i) {
    by_size[{images_HWC[i].size(0), images_HWC[i].size(1)}].push_back(static_cast<int64_t>(i));
  }
  auto out = torch::empty(
      {static_cast<int64_t>(images_HWC.size()), dim_});  // not in inference mode: callers may write into it
  const auto step = static_cast<size_t>(images_at_once(device_));
  const at::NoGradGuard no_grad;
  for (const auto& [size, members] : by_size) {
    for (size_t begin = 0; begin < members.size(); begin += step) {
      const size_t end = std::min(begin + step, members.size());
      std::vector<torch::Tensor> batch;
      for (size_t i = begin; i < end; ++i) batch.push_back(images_HWC[members[i]]);
      const auto rows = run(torch::stack(batch));
      require(rows.size(1) == dim_, file_, ": ", rows.size(1), " features for images of ", size.first, " x ",
              size.second, " pixels, but ", dim_, " for others; the net must pool to one size");
      for (size_t i = begin; i < end; ++i) out[members[i]].copy_(rows[static_cast<int64_t>(i - begin)]);
    }
  }
  check_finite_features(out, name_);
  return out;
}

}  // namespace monge::eval
