#include "monge/io/safetensors_header.h"

#include <nlohmann/json.hpp>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

using nlohmann::json;

const std::vector<std::pair<std::string, torch::ScalarType>>& safetensors_types() {
  static const std::vector<std::pair<std::string, torch::ScalarType>> table = {
      {"F64", torch::kFloat64}, {"F32", torch::kFloat32}, {"F16", torch::kFloat16}, {"BF16", torch::kBFloat16},
      {"I64", torch::kInt64},   {"I32", torch::kInt32},   {"I16", torch::kInt16},   {"I8", torch::kInt8},
      {"U8", torch::kUInt8},    {"BOOL", torch::kBool}};
  return table;
}

std::string type_names() {
  std::vector<std::string> names;
  for (const auto& entry : safetensors_types()) names.push_back(entry.first);
  return join(names);
}

/// Handles the events of the JSON parser. Depth 1 is the header, 2 a tensor or the metadata, 3 a list of numbers.
class SafetensorsHeaderReader : public nlohmann::json_sax<json> {
 public:
  SafetensorsHeaderReader(const std::string& file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool start_object(size_t) override {
    refuse_unless(depth_ < 2, "an object");
    ++depth_;
    keys_.clear();
    return true;
  }

  bool key(string_t& key) override {
    if (depth_ == 1) {
      tensor_ = key;
      refuse_unless(names_.insert(key).second, "a duplicate name");
      in_metadata_ = key == "__metadata__";
      if (!in_metadata_) header_.entries.push_back({.name = key});
    } else {
      refuse_unless(keys_.insert(key).second, "the duplicate key ", shown(key));
      refuse_unless(in_metadata_ || key == "dtype" || key == "shape" || key == "data_offsets", "the key ", shown(key));
      offsets_ = 0;
    }
    key_ = key;
    return true;
  }

  bool start_array(size_t) override {
    refuse_unless(depth_ == 2 && !in_metadata_ && key_ != "dtype", "a list");
    ++depth_;
    return true;
  }

  bool number_unsigned(uint64_t number) override {
    refuse_unless(depth_ == 3, "the number ", number);
    auto& entry = header_.entries.back();
    if (key_ == "shape") {
      refuse_unless(number <= INT64_MAX, "the extent ", number);
      refuse_unless(entry.shape.size() < 64, "a shape of more than 64 extents");
      entry.shape.push_back(static_cast<int64_t>(number));
    } else {
      refuse_unless(offsets_ < 2, "more than two data_offsets");
      (offsets_ == 0 ? entry.begin : entry.end) = number;
      ++offsets_;
    }
    return true;
  }

  bool string(string_t& value) override {
    if (depth_ == 2 && in_metadata_) {
      header_.metadata[key_] = value;
      return true;
    }
    refuse_unless(depth_ == 2 && key_ == "dtype", "the text ", shown(value));
    for (const auto& [name, dtype] : safetensors_types()) {
      if (name != value) continue;
      header_.entries.back().dtype = dtype;
      return true;
    }
    throw InputError({.what = "tensor " + shown(tensor_) + " has an unknown dtype",
                      .where = file_,
                      .value = shown(value),
                      .allowed = type_names()});
  }

  bool end_array() override {
    refuse_unless(key_ == "shape" || offsets_ == 2, "fewer than two data_offsets");
    --depth_;
    return true;
  }

  bool end_object() override {
    refuse_unless(depth_ == 1 || in_metadata_ || keys_.size() == 3, "an entry without dtype, shape or data_offsets");
    --depth_;
    return true;
  }

  bool null() override { return refuse_unless(false, "null"); }
  bool boolean(bool value) override { return refuse_unless(false, value ? "true" : "false"); }
  bool number_integer(int64_t value) override { return refuse_unless(false, "the negative number ", value); }
  bool number_float(double, const string_t& digits) override { return refuse_unless(false, "the number ", digits); }
  bool binary(json::binary_t&) override { return refuse_unless(false, "binary data"); }

  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    throw InputError(text(file_, ": the header is not valid JSON at its byte ", position, "; the file is damaged"));
  }

 private:
  template <class... Parts>
  bool refuse_unless(bool fine, const Parts&... parts) const {
    require(fine, file_, ": the header has ", parts..., " at ", shown(tensor_),
            ", which the safetensors format does not allow");
    return true;
  }

  const std::string& file_;
  SafetensorsHeader& header_;
  int depth_ = 0, offsets_ = 0;
  bool in_metadata_ = false;
  std::string tensor_, key_;
  std::unordered_set<std::string> names_, keys_;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file) {
  require(text.starts_with('{'), file, ": is not a safetensors file: its header does not begin with {");
  SafetensorsHeader header;
  SafetensorsHeaderReader reader(file, header);
  json::sax_parse(text.begin(), text.end(), &reader);
  return header;
}

std::string safetensors_type_name(torch::ScalarType dtype, const std::string& tensor) {
  for (const auto& [name, known] : safetensors_types()) {
    if (known == dtype) return name;
  }
  throw InputError({.what = "tensor " + shown(tensor) + " has a type that safetensors cannot hold",
                    .value = torch::toString(dtype),
                    .allowed = type_names()});
}

}  // namespace monge::io
