// Pickles and checkpoints made by hand, operation by operation, for what torch.save would never write.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monge/io/stored_zip.h"
#include "monge/io/zip_writer.h"

namespace monge::testing {

template <class T>
std::string raw(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}
inline std::string text_op(std::string_view text) {
  return "X" + raw(static_cast<uint32_t>(text.size())) + std::string(text);
}
inline std::string int_op(int64_t number) { return "\x8a\x08" + raw(number); }
inline std::string global_op(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple_op(const std::vector<int64_t>& numbers) {
  std::string out = "(";
  for (const auto number : numbers) out += int_op(number);
  return out + "t";
}
inline std::string pickle_of(const std::string& operations) { return "\x80\x02" + operations + "."; }

/// The storage `key` of `elements` items.
inline std::string storage_op(const std::string& type, const std::string& key, int64_t elements) {
  return "(" + text_op("storage") + global_op("torch", type) + text_op(key) + text_op("cuda:0") + int_op(elements) +
         "tQ";
}

/// A call of _rebuild_tensor_v2 on a storage made by storage_op.
inline std::string tensor_op(const std::string& storage, int64_t offset, const std::vector<int64_t>& sizes,
                             const std::vector<int64_t>& strides) {
  return global_op("torch._utils", "_rebuild_tensor_v2") + "(" + storage + int_op(offset) + tuple_op(sizes) +
         tuple_op(strides) + "\x89" + global_op("collections", "OrderedDict") + ")RtR";
}

/// {name: value}
inline std::string dict_op(const std::string& name, const std::string& value) {
  return "}" + text_op(name) + value + "s";
}

/// A checkpoint of this data.pkl and these storages.
inline std::string checkpoint_of(const std::string& pickle, const std::vector<std::string>& storages = {}) {
  io::StoredZipWriter zip;
  zip.add("x/data.pkl", pickle);
  for (size_t i = 0; i < storages.size(); ++i) zip.add("x/data/" + std::to_string(i), storages[i]);
  return zip.finish();
}

/// The frame of the legacy format up to the pickled object.
inline std::string legacy_head(int64_t protocol = 1001, bool little_endian = true) {
  return "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + pickle_of(int_op(protocol)) +
         pickle_of(dict_op("little_endian", little_endian ? "\x88" : "\x89"));
}

/// The list of storage keys "0", "1", ... of a legacy file.
inline std::string legacy_keys(size_t count) {
  std::string operations = "](";
  for (size_t i = 0; i < count; ++i) operations += text_op(std::to_string(i));
  return pickle_of(operations + "e");
}

}  // namespace monge::testing
