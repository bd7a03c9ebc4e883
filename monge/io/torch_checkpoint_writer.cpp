#include <set>

#include "monge/core/error.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/io/zip_writer.h"

namespace monge::io {
namespace {

std::string storage_name(torch::ScalarType dtype, const std::string& tensor) {
  switch (dtype) {
    case torch::kFloat64:
      return "DoubleStorage";
    case torch::kFloat32:
      return "FloatStorage";
    case torch::kFloat16:
      return "HalfStorage";
    case torch::kBFloat16:
      return "BFloat16Storage";
    case torch::kInt64:
      return "LongStorage";
    case torch::kInt32:
      return "IntStorage";
    case torch::kInt16:
      return "ShortStorage";
    case torch::kInt8:
      return "CharStorage";
    case torch::kUInt8:
      return "ByteStorage";
    case torch::kBool:
      return "BoolStorage";
    default:
      throw InputError({.what = "tensor " + shown(tensor) + " has a type that monge cannot write to a checkpoint",
                        .value = torch::toString(dtype),
                        .allowed = "Double, Float, Half, BFloat16, Long, Int, Short, Char, Byte, Bool"});
  }
}

/// Writes the operations of pickle protocol 2 that a state dict needs.
class PickleWriter {
 public:
  template <class T>
  void raw(T number) {
    out_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void code(std::string_view codes) { out_.append(codes); }
  void global(std::string_view module, std::string_view name) {
    out_.append("c").append(module).append("\n").append(name).append("\n");
  }
  void string(std::string_view text) {
    code("X");
    raw(static_cast<uint32_t>(text.size()));
    out_.append(text);
  }
  void integer(int64_t number) {
    if (number >= 0 && number <= INT32_MAX) {
      code("J");
      raw(static_cast<int32_t>(number));
    } else {
      code("\x8a\x08");
      raw(number);
    }
  }
  void tuple(torch::IntArrayRef numbers) {
    code("(");
    for (const int64_t number : numbers) integer(number);
    code("t");
  }
  void ordered_dict() {
    global("collections", "OrderedDict");
    code(")R");
  }
  /// _rebuild_tensor_v2(storage, 0, sizes, strides, requires_grad=False, backward_hooks=OrderedDict())
  void tensor(const torch::Tensor& tensor, const std::string& storage, const std::string& key) {
    global("torch._utils", "_rebuild_tensor_v2");
    code("((");
    string("storage");
    global("torch", storage);
    string(key);
    string("cpu");
    integer(tensor.numel());
    code("tQ");
    integer(0);
    tuple(tensor.sizes());
    tuple(tensor.strides());
    code("\x89");
    ordered_dict();
    code("tR");
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

std::string torch_checkpoint_bytes(const TensorFile& content, const std::string& name) {
  PickleWriter pickle;
  std::vector<torch::Tensor> tensors;
  std::set<std::string_view> names;
  pickle.code("\x80\x02");
  pickle.ordered_dict();
  pickle.code("(");
  for (const auto& [key, tensor] : content.tensors) {
    require(tensor.defined(), "tensor ", shown(key), " is undefined and cannot be written");
    require(names.insert(key).second, "tensor ", shown(key), " appears twice; names in a checkpoint are unique");
    const auto storage_key = std::to_string(tensors.size());
    tensors.push_back(plain(tensor));
    pickle.string(key);
    pickle.tensor(tensors.back(), storage_name(tensor.scalar_type(), key), storage_key);
  }
  pickle.code("u.");

  StoredZipWriter zip;
  zip.add(name + "/data.pkl", pickle.take());
  zip.add(name + "/byteorder", "little");
  for (size_t i = 0; i < tensors.size(); ++i) zip.add(text(name, "/data/", i), bytes_of(tensors[i]));
  zip.add(name + "/version", "3\n");
  return zip.finish();
}

void write_torch_checkpoint(const std::filesystem::path& path, const TensorFile& content, const Files& files) {
  const auto stem = path.stem().string();
  files.replace(path, torch_checkpoint_bytes(content, stem.empty() ? "archive" : stem));
}

}  // namespace monge::io
