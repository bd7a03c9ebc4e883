#include "monge/io/torch_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/io/flatten.h"
#include "monge/io/pickle.h"
#include "monge/io/stored_zip.h"

namespace monge::io {
namespace {

using PickleKind = PickleValue::Kind;

// With a stride of 0 a few bytes can claim any number of elements; a genuine expanded buffer is small.
constexpr int64_t most_expanded_elements = int64_t{1} << 24;

/// The storages by key. Each becomes one tensor of bytes, so that tensors share storages as they did when saved.
class Storages {
 public:
  Storages(std::map<std::string, std::string_view, std::less<>> bytes, const std::string& file)
      : bytes_(std::move(bytes)), file_(file) {}

  torch::Tensor tensor(const PickleValue& view, const std::string& where) {
    const auto& storage = *view.items[0];
    const auto item = static_cast<int64_t>(torch::elementSize(view.dtype));
    const auto storage_item = static_cast<int64_t>(torch::elementSize(storage.dtype));
    auto& memory = load(storage, where);
    const int64_t capacity =
        storage.extent * storage_item / item;  // cannot overflow: load() compared it with the bytes
    require_inside(view, capacity, where);
    auto out = torch::empty({0}, view.dtype);
    out.set_(memory.storage(), storage.offset * storage_item / item + view.offset, view.sizes, view.strides);
    require(view.dtype != torch::kBool || is_boolean(memory), where,
            ": a value of this bool tensor is neither 0 nor 1");
    return out;
  }

 private:
  torch::Tensor& load(const PickleValue& storage, const std::string& where) {
    const auto found = bytes_.find(storage.text);
    require(found != bytes_.end(), where, ": its storage ", shown(storage.text), " is missing in the file");
    const int64_t size = checked_multiply(storage.integer, torch::elementSize(storage.dtype), where);
    require(size == static_cast<int64_t>(found->second.size()), where, ": its storage ", shown(storage.text), " has ",
            found->second.size(), " bytes instead of ", size, "; the file is damaged");
    auto& memory = loaded_[found->first];
    if (!memory.defined()) memory = tensor_from_bytes(found->second, torch::kUInt8, {size}, where);
    return memory;
  }

  static void require_inside(const PickleValue& view, int64_t capacity, const std::string& where) {
    const int64_t numel = checked_numel(view.sizes, where);
    require(view.offset >= 0, where, ": begins at the negative offset ", view.offset);
    int64_t last = view.offset;
    for (size_t i = 0; i < view.sizes.size(); ++i) {
      require(view.strides[i] >= 0, where, ": has the negative stride ", view.strides[i]);
      last =
          checked_add(last, checked_multiply(std::max<int64_t>(view.sizes[i] - 1, 0), view.strides[i], where), where);
    }
    require(numel == 0 ? view.offset <= capacity : last < capacity, where, ": shape ", torch::IntArrayRef(view.sizes),
            " with strides ", torch::IntArrayRef(view.strides), " at offset ", view.offset, " exceeds its storage of ",
            capacity, " elements; the file is damaged");
    require(numel <= std::max(capacity, most_expanded_elements), where, ": shape ", torch::IntArrayRef(view.sizes),
            " is an expanded view of only ", capacity, " elements; save tensor.clone() instead");
  }

  bool is_boolean(const torch::Tensor& memory) {
    const auto [found, added] = boolean_.try_emplace(memory.const_data_ptr(), false);
    if (added) found->second = memory.numel() == 0 || memory.max().item<uint8_t>() <= 1;
    return found->second;
  }

  std::map<std::string, std::string_view, std::less<>> bytes_;
  std::map<std::string, torch::Tensor> loaded_;
  std::map<const void*, bool> boolean_;
  const std::string& file_;
};

TensorFile tensors_of(const Pickle& pickle, Storages& memory, const std::string& name) {
  auto out =
      flatten(*pickle.root, name, [&](const auto& tensor, const auto& where) { return memory.tensor(tensor, where); });
  out.skipped_classes.assign(pickle.foreign.begin(), pickle.foreign.end());
  return out;
}

TensorFile parse_zip(std::string_view bytes, const std::string& name) {
  const auto entries = read_stored_zip(bytes, name);
  const auto folder = entries.empty() ? "" : entries[0].name.substr(0, entries[0].name.find('/') + 1);
  std::map<std::string, std::string_view, std::less<>> files, storages;
  for (const auto& entry : entries) {
    if (!entry.name.starts_with(folder)) continue;
    const auto inner = entry.name.substr(folder.size());
    files[inner] = entry.bytes;
    if (inner.starts_with("data/")) storages[inner.substr(5)] = entry.bytes;
  }
  require(!files.contains("constants.pkl"), name,
          ": is a TorchScript program, not a checkpoint; save net.state_dict()");
  require(files.contains("data.pkl"), name, ": is a zip archive without data.pkl, so torch.save did not write it");
  if (const auto order = files.find("byteorder"); order != files.end()) {
    require(order->second == "little", name, ": holds ", shown(order->second),
            "-endian data (allowed: little); save it on a little-endian machine");
  }
  const auto pickle = read_pickle(files["data.pkl"], name);
  Storages memory(std::move(storages), name);
  return tensors_of(pickle, memory, name);
}

/// The magic number of torch.save before 1.6: 0x1950a86a20f9469cfc6c.
constexpr std::string_view legacy_magic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);

/// Five pickles (magic number, protocol, system, object, list of storage keys), then an int64 count and items per key.
TensorFile parse_legacy(std::string_view bytes, const std::string& name) {
  const auto next = [&] {
    auto pickle = read_pickle(bytes, name);
    bytes.remove_prefix(pickle.consumed);
    return pickle;
  };
  const auto magic = next();
  require(magic.root->kind == PickleKind::big_integer && magic.root->text == legacy_magic, name,
          ": is a pickle, but torch.save did not write it; save the state dict with torch.save");
  const auto protocol = next();
  require(protocol.root->kind == PickleKind::integer && protocol.root->integer == 1001, name,
          ": has an unknown version of the legacy format (allowed: 1001)");
  const auto system = next();
  for (size_t i = 0; i + 1 < system.root->items.size(); i += 2) {
    if (system.root->kind != PickleKind::dict || system.root->items[i]->text != "little_endian") continue;
    require(system.root->items[i + 1]->integer == 1, name,
            ": holds big-endian data (allowed: little); save it on a little-endian machine");
  }
  const auto object = next(), keys = next();
  require(keys.root->kind == PickleKind::list, name, ": has no list of storages; the file is damaged");

  std::map<std::string_view, int64_t> item_sizes;
  for (const auto& value : object.values) {
    if (value.kind != PickleKind::storage) continue;
    const auto size = static_cast<int64_t>(torch::elementSize(value.dtype));
    require(item_sizes.try_emplace(value.text, size).first->second == size, name, ": the storage ", shown(value.text),
            " has two types; the file is damaged");
  }
  std::map<std::string, std::string_view, std::less<>> storages;
  for (const auto* key : keys.root->items) {
    const auto item = item_sizes.find(key->text);
    require(key->kind == PickleKind::string && item != item_sizes.end(), name, ": the storage ", shown(key->text),
            " belongs to no tensor; the file is damaged");
    int64_t count = 0;
    require(bytes.size() >= sizeof count, name, ": the file is truncated before the storage ", shown(key->text));
    std::memcpy(&count, bytes.data(), sizeof count);
    bytes.remove_prefix(sizeof count);
    const auto size = static_cast<uint64_t>(checked_multiply(count, item->second, name));
    require(size <= bytes.size(), name, ": the file is truncated: the storage ", shown(key->text), " has ", size,
            " bytes, ", bytes.size(), " are left; copy or download it again");
    require(storages.emplace(key->text, bytes.substr(0, size)).second, name, ": the storage ", shown(key->text),
            " appears twice; the file is damaged");
    bytes.remove_prefix(size);
  }
  Storages memory(std::move(storages), name);
  return tensors_of(object, memory, name);
}

}  // namespace

TensorFile parse_torch_checkpoint(std::string_view bytes, const std::string& name) {
  require(!bytes.empty(), name, ": is empty; copy or download it again");
  if (bytes.starts_with("PK")) return parse_zip(bytes, name);
  require(bytes.starts_with('\x80'), name,
          ": is not a PyTorch checkpoint: neither a zip archive nor the legacy format of torch.save");
  return parse_legacy(bytes, name);
}

TensorFile read_torch_checkpoint(const std::filesystem::path& path, const Files& files) {
  return parse_torch_checkpoint(files.read(path), path.string());
}

}  // namespace monge::io
