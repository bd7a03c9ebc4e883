#include "monge/io/pickle_names.h"

#include <algorithm>
#include <array>
#include <bit>
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

constexpr std::string_view kNumpyType = "numpy.dtype";

/// The arguments of one call. Each accessor requires the kind that it returns.
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

  /// An argument that is the argument tuple of another call.
  Arguments nested(size_t i, std::string_view function) const { return {at(i), function, file_}; }

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

/// _rebuild_tensor_v3 has an untyped storage and names the type in a separate argument.
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
  const auto& pairs = arguments.at(0);  // in Python 2: a list of [key, value]
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
  arguments.check(items.kind == Kind::list || items.kind == Kind::tuple || items.kind == Kind::set);
  out.items = items.items;
  return out;
}

/// Protocol 2 has no bytes: it writes them as a text with one character per byte.
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

/// collections.Counter(a dict), or without an argument.
PickleValue counter(const Arguments& arguments) {
  PickleValue out{.kind = Kind::dict};
  if (arguments.size() > 0 && arguments.at(0).kind == Kind::dict) out.items = arguments.at(0).items;
  return out;
}

/// bytearray(b"..."), bytearray("...", "latin-1") of Python 2, or without an argument.
PickleValue byte_array(const Arguments& arguments) {
  PickleValue out{.kind = Kind::bytes};
  if (arguments.size() == 0) return out;
  const auto kind = arguments.at(0).kind;
  if (kind == Kind::bytes || kind == Kind::string) out.text = arguments.at(0).text;
  return out;
}

/// The parts of a path, joined.
PickleValue path(const Arguments& arguments, std::deque<std::string>& texts) {
  std::string out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (!out.empty() && !out.ends_with('/')) out += '/';
    out += arguments.at(i, Kind::string).text;
  }
  return {.kind = Kind::string, .text = texts.emplace_back(std::move(out))};
}

template <class T>
T number_in(std::string_view bytes, bool big_endian) {
  std::array<char, sizeof(T)> out;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  if (big_endian) std::reverse(out.begin(), out.end());
  return std::bit_cast<T>(out);
}

/// numpy.core.multiarray.scalar(dtype, bytes): a number if it has up to 64 bits, else an inert object.
PickleValue numpy_scalar(const Arguments& arguments) {
  const PickleValue inert{.kind = Kind::object, .text = "numpy.scalar"};
  if (arguments.size() != 2 || arguments.at(1).kind != Kind::bytes) return inert;
  const auto& type = arguments.at(0, Kind::object);
  arguments.check(type.text == kNumpyType && !type.items.empty());
  const auto& made_from = type.items[0]->items;  // numpy.dtype("f8", False, True)
  arguments.check(type.items[0]->kind == Kind::tuple && !made_from.empty() && made_from[0]->kind == Kind::string);
  const auto name = made_from[0]->text;
  bool big_endian = false;  // state: (version, byte order, ...)
  for (size_t i = 1; i < type.items.size(); ++i) {
    const auto& state = type.items[i]->items;
    big_endian |= state.size() > 1 && state[1]->kind == Kind::string && state[1]->text == ">";
  }
  const auto bytes = arguments.at(1).text;
  const auto is = [&](std::string_view code, size_t size) { return name == code && bytes.size() == size; };
  const auto whole = [](int64_t value) { return PickleValue{.kind = Kind::integer, .integer = value}; };
  const auto real = [](double value) { return PickleValue{.kind = Kind::real, .real = value}; };
  if (is("f8", 8)) return real(number_in<double>(bytes, big_endian));
  if (is("f4", 4)) return real(number_in<float>(bytes, big_endian));
  if (is("f2", 2))
    return real(static_cast<float>(c10::Half(number_in<uint16_t>(bytes, big_endian), c10::Half::from_bits())));
  if (is("i8", 8)) return whole(number_in<int64_t>(bytes, big_endian));
  if (is("i4", 4)) return whole(number_in<int32_t>(bytes, big_endian));
  if (is("i2", 2)) return whole(number_in<int16_t>(bytes, big_endian));
  if (is("i1", 1)) return whole(number_in<int8_t>(bytes, big_endian));
  if (is("u4", 4)) return whole(number_in<uint32_t>(bytes, big_endian));
  if (is("u2", 2)) return whole(number_in<uint16_t>(bytes, big_endian));
  if (is("u1", 1)) return whole(number_in<uint8_t>(bytes, big_endian));
  if (is("b1", 1)) return {.kind = Kind::boolean, .integer = bytes[0] != 0};
  return inert;
}

PickleValue object_of(const PickleValue& type, const PickleValue& arguments) {
  return {.kind = Kind::object, .text = type.text, .items = {&arguments}};
}

/// copyreg._reconstructor(class, base, state) and copyreg.__newobj_ex__(class, arguments, named arguments).
PickleValue made_by_copyreg(const Arguments& arguments) {
  PickleValue out = object_of(arguments.at(0, Kind::name), arguments.at(1));
  if (arguments.size() > 2) out.items.push_back(&arguments.at(2));
  return out;
}

/// "cuda:0" for torch.device("cuda", 0) or torch.device("cuda:0").
PickleValue device(const Arguments& arguments, std::deque<std::string>& texts) {
  auto name = std::string(arguments.at(0, Kind::string).text.substr(0, 64));
  if (arguments.size() > 1) name += text(':', arguments.integer(1));
  return {.kind = Kind::string, .text = texts.emplace_back(std::move(name))};
}

/// torch._tensor._rebuild_from_type_v2(function, class, arguments, state): a tensor with attributes.
PickleValue tensor_of_type(const Arguments& arguments) {
  const auto function = arguments.at(0, Kind::name).text;
  const auto inner = arguments.nested(2, function);
  if (function == "torch._utils._rebuild_tensor" || function == "torch._utils._rebuild_tensor_v2") {
    return rebuilt_tensor(inner);
  }
  arguments.check(function == "torch._utils._rebuild_tensor_v3" || function == "torch._utils._rebuild_parameter" ||
                  function == "torch._utils._rebuild_parameter_with_state");
  return function.ends_with("v3") ? rebuilt_tensor_v3(inner) : inner.at(0, Kind::tensor);
}

using Function = PickleValue (*)(const Arguments&, std::deque<std::string>&);

const std::map<std::string_view, Function>& functions() {
  using Texts = std::deque<std::string>;
  static const auto parameter = [](const Arguments& a, Texts&) { return a.at(0, Kind::tensor); };
  static const auto set = [](const Arguments& a, Texts&) { return container(a, Kind::set); };
  static const auto bytes = [](const Arguments& a, Texts&) { return byte_array(a); };
  static const auto scalar = [](const Arguments& a, Texts&) { return numpy_scalar(a); };
  static const auto by_copyreg = [](const Arguments& a, Texts&) { return made_by_copyreg(a); };
  static const std::map<std::string_view, Function> table = {
      {"collections.OrderedDict", [](const Arguments& a, Texts&) { return ordered_dict(a); }},
      {"collections.Counter", [](const Arguments& a, Texts&) { return counter(a); }},
      {"collections.defaultdict", [](const Arguments&, Texts&) { return PickleValue{.kind = Kind::dict}; }},
      {"collections.deque", [](const Arguments& a, Texts&) { return container(a, Kind::list); }},
      {"builtins.set", set},
      {"__builtin__.set", set},
      {"builtins.frozenset", set},
      {"__builtin__.frozenset", set},
      {"builtins.bytearray", bytes},
      {"__builtin__.bytearray", bytes},
      {"copyreg._reconstructor", by_copyreg},
      {"copy_reg._reconstructor", by_copyreg},
      {"copyreg.__newobj_ex__", by_copyreg},
      {"copy_reg.__newobj_ex__", by_copyreg},
      {"pathlib.PosixPath", path},
      {"pathlib.WindowsPath", path},
      {"pathlib.PurePosixPath", path},
      {"pathlib.PureWindowsPath", path},
      {"pathlib._local.PosixPath", path},
      {"pathlib._local.WindowsPath", path},
      {"numpy.core.multiarray.scalar", scalar},
      {"numpy._core.multiarray.scalar", scalar},
      {"_codecs.encode", encoded},
      {"torch.Size", [](const Arguments& a, Texts&) { return container(a, Kind::tuple); }},
      {"torch.device", device},
      {"torch._utils._rebuild_tensor", [](const Arguments& a, Texts&) { return rebuilt_tensor(a); }},
      {"torch._utils._rebuild_tensor_v2", [](const Arguments& a, Texts&) { return rebuilt_tensor(a); }},
      {"torch._utils._rebuild_tensor_v3", [](const Arguments& a, Texts&) { return rebuilt_tensor_v3(a); }},
      {"torch._tensor._rebuild_from_type", [](const Arguments& a, Texts&) { return tensor_of_type(a); }},
      {"torch._tensor._rebuild_from_type_v2", [](const Arguments& a, Texts&) { return tensor_of_type(a); }},
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
  const bool named = function.kind == Kind::name;
  if (named && found != functions().end()) return found->second(Arguments(arguments, function.text, file), texts);
  require(named && !is_known_name(function.text), file, ": the pickle calls ",
          named ? shown(function.text) : "something", ", which is not a function; the file is damaged");
  return object_of(function, arguments);
}

PickleValue storage_of_id(const PickleValue& id, const std::string& file) {
  const Arguments parts(id, "persistent id", file);
  if (parts.at(0, Kind::string).text == "module") return parts.at(1, Kind::name);
  parts.check(parts.at(0, Kind::string).text == "storage" && (parts.size() == 5 || parts.size() == 6));
  const auto type = storage_types().find(storage_type(parts.at(1, Kind::name).text));
  parts.check(type != storage_types().end());

  PickleValue out{.kind = Kind::storage,
                  .dtype = type->second,
                  .integer = parts.integer(4),
                  .text = parts.at(2, Kind::string).text};
  parts.check(out.integer >= 0);
  out.extent = out.integer;
  if (parts.size() == 6 && parts.at(5).kind != Kind::none) {  // in the oldest files: a view of a larger storage
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
