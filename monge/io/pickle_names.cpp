#include "monge/io/pickle_names.h"

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

using Kind = PickleValue::Kind;

const std::map<std::string_view, torch::ScalarType>& storage_types() {
  // An untyped storage counts bytes.
  static const std::map<std::string_view, torch::ScalarType> table = {
      {"DoubleStorage", torch::kFloat64}, {"FloatStorage", torch::kFloat32},     {"HalfStorage", torch::kFloat16},
      {"LongStorage", torch::kInt64},     {"BFloat16Storage", torch::kBFloat16}, {"IntStorage", torch::kInt32},
      {"ShortStorage", torch::kInt16},    {"CharStorage", torch::kInt8},         {"ByteStorage", torch::kUInt8},
      {"BoolStorage", torch::kBool},      {"UntypedStorage", torch::kUInt8}};
  return table;
}

const std::map<std::string_view, torch::ScalarType>& dtypes() {
  static const std::map<std::string_view, torch::ScalarType> table = {
      {"torch.float64", torch::kFloat64}, {"torch.float32", torch::kFloat32},   {"torch.float16", torch::kFloat16},
      {"torch.int64", torch::kInt64},     {"torch.bfloat16", torch::kBFloat16}, {"torch.int32", torch::kInt32},
      {"torch.int16", torch::kInt16},     {"torch.int8", torch::kInt8},         {"torch.uint8", torch::kUInt8},
      {"torch.bool", torch::kBool}};
  return table;
}

/// "FloatStorage" for "torch.FloatStorage", "torch.cuda.FloatStorage", "torch.storage.FloatStorage"; else "".
std::string_view storage_type(std::string_view name) {
  for (const std::string_view module : {"torch.cuda.", "torch.storage.", "torch."}) {
    if (name.starts_with(module)) return name.substr(module.size());
  }
  return {};
}

/// The arguments of one call, each of which must be of the kind that is asked for.
class Arguments {
 public:
  Arguments(const PickleValue& tuple, std::string_view function, const std::string& file)
      : tuple_(tuple), function_(function), file_(file) {
    check(tuple.kind == Kind::tuple);
  }

  size_t size() const { return tuple_.items.size(); }

  const PickleValue& at(size_t i) const {
    check(i < tuple_.items.size());
    return *tuple_.items[i];
  }
  const PickleValue& at(size_t i, Kind kind) const {
    check(at(i).kind == kind);
    return at(i);
  }
  int64_t integer(size_t i) const { return at(i, Kind::integer).integer; }

  std::vector<int64_t> integers(size_t i) const {
    std::vector<int64_t> out;
    const auto& value = at(i);
    check((value.kind == Kind::tuple || value.kind == Kind::list) && value.items.size() <= 64);
    for (const auto* item : value.items) {
      check(item->kind == Kind::integer);
      out.push_back(item->integer);
    }
    return out;
  }

  void check(bool fine) const {
    require(fine, file_, ": the arguments of \"", function_,
            "\" are not those that torch.save writes; the file is damaged");
  }

 private:
  const PickleValue& tuple_;
  std::string_view function_;
  const std::string& file_;
};

PickleValue rebuilt_tensor(const Arguments& arguments) {
  const auto& storage = arguments.at(0, Kind::storage);
  PickleValue out{.kind = Kind::tensor,
                  .dtype = storage.dtype,
                  .offset = arguments.integer(1),
                  .items = {&storage},
                  .sizes = arguments.integers(2),
                  .strides = arguments.integers(3)};
  arguments.check(out.sizes.size() == out.strides.size());
  return out;
}

/// Version 3 has an untyped storage and names the type by itself.
PickleValue rebuilt_tensor_v3(const Arguments& arguments) {
  auto out = rebuilt_tensor(arguments);
  const auto found = dtypes().find(arguments.at(6, Kind::name).text);
  arguments.check(found != dtypes().end());
  out.dtype = found->second;
  return out;
}

PickleValue ordered_dict(const Arguments& arguments) {
  PickleValue out{.kind = Kind::dict};
  if (arguments.size() == 0) return out;
  const auto& pairs = arguments.at(0);  // as Python 2 writes it: a list of [key, value]
  arguments.check(pairs.kind == Kind::list || pairs.kind == Kind::tuple);
  for (const auto* pair : pairs.items) {
    arguments.check((pair->kind == Kind::list || pair->kind == Kind::tuple) && pair->items.size() == 2);
    out.items.insert(out.items.end(), pair->items.begin(), pair->items.end());
  }
  return out;
}

PickleValue container(const Arguments& arguments, Kind kind) {
  PickleValue out{.kind = kind};
  if (arguments.size() == 0) return out;
  const auto& items = arguments.at(0);
  arguments.check(items.kind == Kind::list || items.kind == Kind::tuple);
  out.items = items.items;
  return out;
}

/// Protocol 2 has no bytes: it writes them as text of which every character stands for a byte.
PickleValue encoded(const Arguments& arguments, std::deque<std::string>& texts) {
  arguments.check(arguments.at(1, Kind::string).text == "latin1");
  std::string out;
  const auto utf8 = arguments.at(0, Kind::string).text;
  for (size_t i = 0; i < utf8.size(); ++i) {
    const unsigned char first = utf8[i];
    if (first < 0x80) {
      out += static_cast<char>(first);
      continue;
    }
    arguments.check((first == 0xc2 || first == 0xc3) && i + 1 < utf8.size());
    out += static_cast<char>((first & 3) << 6 | (utf8[++i] & 63));
  }
  return {.kind = Kind::bytes, .text = texts.emplace_back(std::move(out))};
}

/// "cuda:0" for torch.device("cuda", 0) or torch.device("cuda:0").
PickleValue device(const Arguments& arguments, std::deque<std::string>& texts) {
  auto name = std::string(arguments.at(0, Kind::string).text.substr(0, 64));
  if (arguments.size() > 1) name += text(':', arguments.integer(1));
  return {.kind = Kind::string, .text = texts.emplace_back(std::move(name))};
}

using Function = PickleValue (*)(const Arguments&, std::deque<std::string>&);

const std::map<std::string_view, Function>& functions() {
  using Texts = std::deque<std::string>;
  static const auto parameter = [](const Arguments& a, Texts&) { return a.at(0, Kind::tensor); };
  static const auto set = [](const Arguments& a, Texts&) { return container(a, Kind::set); };
  static const std::map<std::string_view, Function> table = {
      {"collections.OrderedDict", [](const Arguments& a, Texts&) { return ordered_dict(a); }},
      {"builtins.set", set},
      {"__builtin__.set", set},
      {"_codecs.encode", encoded},
      {"torch.Size", [](const Arguments& a, Texts&) { return container(a, Kind::tuple); }},
      {"torch.device", device},
      {"torch._utils._rebuild_tensor", [](const Arguments& a, Texts&) { return rebuilt_tensor(a); }},
      {"torch._utils._rebuild_tensor_v2", [](const Arguments& a, Texts&) { return rebuilt_tensor(a); }},
      {"torch._utils._rebuild_tensor_v3", [](const Arguments& a, Texts&) { return rebuilt_tensor_v3(a); }},
      {"torch._utils._rebuild_parameter", parameter},
      {"torch._utils._rebuild_parameter_with_state", parameter}};
  return table;
}

}  // namespace

bool is_known_name(std::string_view name) {
  return functions().contains(name) || dtypes().contains(name) || storage_types().contains(storage_type(name));
}

PickleValue call_known_name(const PickleValue& function, const PickleValue& arguments, std::deque<std::string>& texts,
                            const std::string& file) {
  const auto found = functions().find(function.text);
  require(function.kind == Kind::name && found != functions().end(), file, ": the pickle calls ",
          function.kind == Kind::name ? shown(function.text) : "something",
          ", which is no function; the file is damaged");
  return found->second(Arguments(arguments, function.text, file), texts);
}

PickleValue storage_of_id(const PickleValue& id, const std::string& file) {
  const Arguments parts(id, "persistent id", file);
  parts.check(parts.at(0, Kind::string).text == "storage" && (parts.size() == 5 || parts.size() == 6));
  const auto type = storage_types().find(storage_type(parts.at(1, Kind::name).text));
  parts.check(type != storage_types().end());

  PickleValue out{.kind = Kind::storage,
                  .dtype = type->second,
                  .integer = parts.integer(4),
                  .text = parts.at(2, Kind::string).text};
  parts.check(out.integer >= 0);
  out.extent = out.integer;
  if (parts.size() == 6 && parts.at(5).kind != Kind::none) {  // the oldest files: a part of a larger storage
    const Arguments view(parts.at(5), "storage view", file);
    view.check(view.size() == 3);
    out.offset = view.integer(1);
    out.extent = view.integer(2);
    view.check(out.offset >= 0 && out.extent >= 0 && out.extent <= out.integer &&
               out.offset <= out.integer - out.extent);
  }
  return out;
}

}  // namespace monge::io
