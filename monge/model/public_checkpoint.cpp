#include "monge/model/public_checkpoint.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/nn/infer.h"
#include "monge/nn/unet.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

// Standard deviation of the noise channels of the public weak maps, whose files do not contain it.
constexpr double kPublicNoise = 0.1;

constexpr std::string_view kKey = "?key=";

std::string line_of(const nn::FoundState& found, const fs::path& file) {
  const auto key = found.key();
  return key.empty() ? text("at the top: a ", found.description)
                     : text(file.filename().string(), kKey, printable(key), "  a ", found.description);
}

[[noreturn]] void throw_with_list(const std::string& what, const std::vector<nn::FoundState>& found,
                                  const FileAndKey& path) {
  std::vector<std::string> lines;
  for (const auto& state : found) lines.push_back(line_of(state, path.file));
  throw InputError(text(path.file.string(), ": ", what, listed(lines, lines.size())));
}

/// Reports weights of another type than float32 and weights that are not finite.
void report_weights(const nn::FoundState& map, const fs::path& file, const LogSink& log) {
  std::set<std::string> types;
  bool finite = true;
  for (const auto& [key, tensor] : map.state) {
    if (!tensor.is_floating_point()) continue;
    if (tensor.scalar_type() != torch::kFloat32) types.insert(torch::toString(tensor.scalar_type()));
    finite = finite && torch::isfinite(tensor).all().item<bool>();
  }
  if (!types.empty()) {
    log(LogLevel::info,
        text(file.string(), ": weights of type ", join({types.begin(), types.end()}), " are used as Float (float32)"));
  }
  if (!finite) {
    log(LogLevel::warning,
        text(file.string(),
             ": weights of this map are not finite (NaN or infinite), so its outputs will not be finite ",
             "either; use an earlier checkpoint of that training"));
  }
}

}  // namespace

FileAndKey split_key(const fs::path& path) {
  std::error_code ignored;
  const auto whole = path.string();
  const auto mark = whole.rfind(kKey);
  if (mark == std::string::npos || fs::exists(path, ignored)) return {path, ""};
  require(mark + kKey.size() < whole.size(), whole,
          ": no key follows ?key=; leave ?key= out to list the keys of the file");
  return {whole.substr(0, mark), whole.substr(mark + kKey.size())};
}

TensorFormat tensor_format(const fs::path& file) {
  std::array<char, 9> head{};
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  const std::string_view begin(head.data(), static_cast<size_t>(in.gcount()));
  if (begin.starts_with("PK\x03\x04")) return TensorFormat::torch;
  if (begin.size() > 1 && begin[0] == '\x80' && begin[1] >= 2 && begin[1] <= 5) return TensorFormat::torch;  // PROTO
  if (begin.size() == head.size() && begin[8] == '{') return TensorFormat::safetensors;
  const auto extension = lower_extension(file);
  if (extension == ".safetensors") return TensorFormat::safetensors;
  const bool torch = extension == ".pt" || extension == ".pth" || extension == ".ckpt";
  return torch ? TensorFormat::torch : TensorFormat::unknown;
}

io::TensorFile read_tensor_file(const fs::path& file, const LogSink& log) {
  const bool torch = tensor_format(file) == TensorFormat::torch;
  auto out = torch ? io::read_torch_checkpoint(file) : io::read_safetensors(file);
  const auto begins = [&](const char* prefix) {
    return std::any_of(out.tensors.begin(), out.tensors.end(),
                       [&](const auto& entry) { return entry.first.starts_with(prefix); });
  };
  require(torch || !begins("adam_map/") || !begins("map/"), file.string(),
          ": is the state of a checkpoint of monge; give the folder ", fs::absolute(file).parent_path().string(),
          ", which also holds its recipe");
  if (!out.skipped_classes.empty()) {
    std::vector<std::string> classes;
    for (const auto& name : out.skipped_classes) classes.push_back(printable(name));
    constexpr size_t kNamed = 5;
    const size_t more = classes.size() > kNamed ? classes.size() - kNamed : 0;
    classes.resize(classes.size() - more);
    log(LogLevel::info,
        text(file.string(), ": skips Python objects of ", join(classes),
             more > 0 ? text(" and ", more, " more classes") : "", "; nothing in the file is executed"));
  }
  return out;
}

nn::FoundState choose_map(const io::TensorFile& tensors, const FileAndKey& path, const LogSink& log) {
  const auto all = nn::find_states(tensors.tensors);
  const auto here = path.key.empty() ? all : nn::states_at(all, path.key);
  if (all.empty()) {
    // The message lists what the network would need; the groups help where the net is one of another kind.
    const auto groups = nn::groups_of(tensors.tensors);
    if (groups.size() > 1) {
      log(LogLevel::info, text(path.file.string(), ": holds tensors named", listed(groups, groups.size())));
    }
    nn::infer_architecture(tensors.tensors, path.file.string());
  }
  if (here.empty()) throw_with_list(text("holds no network at key=", printable(path.key), "; it holds:"), all, path);
  std::vector<nn::FoundState> maps;
  std::copy_if(here.begin(), here.end(), std::back_inserter(maps), [](const auto& state) { return state.is_map; });
  if (maps.empty())
    throw_with_list(
        "holds a potential, but the map T is needed here; look for the file of the map from the same training. It "
        "holds:",
        all, path);
  if (maps.size() > 1) throw_with_list("holds several maps; choose one of them:", all, path);
  if (all.size() > 1 || !maps[0].prefix.empty()) {
    std::vector<std::string> others;
    for (const auto& state : all) {
      if (state.prefix != maps[0].prefix || state.is_map != maps[0].is_map) {
        others.push_back(text(state.key().empty() ? "the top" : printable(state.key()), " (", state.description, ")"));
      }
    }
    log(LogLevel::info, text(path.file.string(), ": uses the ", maps[0].description, " at ",
                             maps[0].prefix.empty() ? "the top" : printable(maps[0].key()),
                             others.empty() ? "" : "; not used: " + join(others)));
  }
  report_weights(maps[0], path.file, log);
  return maps[0];
}

Model model_of_public(const io::TensorFile& tensors, const FileAndKey& path, torch::Device device, const LogSink& log) {
  const auto name = path.file.string();
  Model model;
  model.origin = name;
  model.net = nn::map_from_state(choose_map(tensors, path, log).state, name);
  const auto* unet = dynamic_cast<const nn::UNet*>(model.net.get());
  require(unet != nullptr, name, ": holds no known map");
  require(unet->options().in >= unet->options().out, name, ": the net has fewer input channels (", unet->options().in,
          ") than output channels (", unet->options().out, "), so it is not a transport map");
  for (int64_t patch = 2; patch <= 8; ++patch) {
    if (unet->options().out != 3 * patch * patch) continue;
    log(LogLevel::warning,
        text(name, ": its outputs have ", unet->options().out,
             " channels. A state dict does not store map.patch: if the map was trained with map.patch = ", patch,
             ", its outputs are wrong here; export it with ", user_word("model::export_safetensors()")));
  }
  model.item_shape = {unet->options().out, 0, 0};
  model.sizes = nn::image_sizes(unet->options());
  model.noise = {.samples_per_input = 4, .channels = unet->options().in - unet->options().out, .std = kPublicNoise};
  nn::to_channels_last(*model.net);
  model.net->to(device);
  model.device = device;
  return model;
}

}  // namespace monge::model
