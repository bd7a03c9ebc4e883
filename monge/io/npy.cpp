#include "monge/io/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/nearest.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

/// The types by the kind and size in bytes that follow the byte order.
const std::vector<std::pair<std::string, torch::ScalarType>>& npy_types() {
  static const std::vector<std::pair<std::string, torch::ScalarType>> table = {
      {"f8", torch::kFloat64}, {"f4", torch::kFloat32}, {"f2", torch::kFloat16}, {"i8", torch::kInt64},
      {"i4", torch::kInt32},   {"i2", torch::kInt16},   {"i1", torch::kInt8},    {"u8", torch::kUInt64},
      {"u4", torch::kUInt32},  {"u2", torch::kUInt16},  {"u1", torch::kUInt8},   {"b1", torch::kBool}};
  return table;
}

struct NumberType {
  torch::ScalarType dtype;
  bool swapped = false;  ///< big-endian
};

NumberType type_of(const std::string& descr, const std::string& name) {
  std::vector<std::string> known;
  const bool ordered = !descr.empty() && std::string_view("<>=|").find(descr[0]) != std::string_view::npos;
  for (const auto& [code, dtype] : npy_types()) {
    if (ordered && descr.substr(1) == code) return {dtype, descr[0] == '>' && torch::elementSize(dtype) > 1};
    known.push_back(code);
  }
  require(descr != "|O" && descr != "O", name,
          ": holds Python objects (\"|O\"), which are pickled code and are not read; ",
          "save numbers: numpy.save(file, array.astype(numpy.float32))");
  throw InputError({.what = "has an unknown number type",
                    .where = name,
                    .value = shown(descr),
                    .allowed = join(known) + " in either byte order",
                    .fix = "save it with numpy.save(file, array.astype(numpy.float32))"});
}

/// Converts big-endian items to little-endian ones in place.
void swap_bytes(const torch::Tensor& items) {
  const auto size = static_cast<size_t>(items.element_size());
  auto* at = static_cast<char*>(items.data_ptr());
  for (auto* const end = at + items.nbytes(); at != end; at += size) std::reverse(at, at + size);
}

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

/// Parses a Python dictionary literal with the three keys of the format, and no other Python.
class NpyHeaderReader {
 public:
  NpyHeaderReader(std::string_view text, const std::string& name) : left_(text), name_(name) {}

  Header read() {
    Header out;
    expect('{');
    while (!accept('}')) {
      const auto key = string();
      expect(':');
      if (key == "descr" && !out.descr) {
        check(peek() != '[', "a record type (allowed: arrays of plain numbers)");
        out.descr = string();
      } else if (key == "fortran_order" && !out.fortran_order) {
        out.fortran_order = boolean();
      } else if (key == "shape" && !out.shape) {
        out.shape = tuple();
      } else {
        check(false, text("the duplicate or unknown key ", shown(key)));
      }
      if (!accept(',')) check(peek() == '}', "no comma between its parts");
    }
    check(peek() == '\0', "data after its end");
    check(out.descr && out.fortran_order && out.shape, "no descr, fortran_order or shape");
    return out;
  }

 private:
  void check(bool fine, std::string_view what) const {
    require(fine, name_, ": the header of this .npy file has ", what, "; write it with numpy.save");
  }
  /// The next character other than a space; 0 at the end.
  char peek() {
    while (!left_.empty() && (left_[0] == ' ' || left_[0] == '\n' || left_[0] == '\t' || left_[0] == '\r')) {
      left_.remove_prefix(1);
    }
    return left_.empty() ? '\0' : left_[0];
  }
  bool accept(char wanted) {
    if (peek() != wanted || left_.empty()) return false;
    left_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) { check(accept(wanted), text("no ", wanted, " where one is required")); }

  std::string string() {
    const char quote = peek();
    check(quote == '\'' || quote == '"', "no string where one is required");
    const auto end = left_.find(quote, 1);
    check(end != std::string_view::npos, "an unterminated string");
    const auto out = left_.substr(1, end - 1);
    left_.remove_prefix(end + 1);
    return std::string(out);
  }
  bool boolean() {
    peek();
    const bool value = left_.starts_with("True");
    check(value || left_.starts_with("False"), "a fortran_order other than True and False");
    left_.remove_prefix(value ? 4 : 5);
    return value;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> out;
    expect('(');
    while (!accept(')')) {
      int64_t extent = 0;
      peek();
      const auto [end, fault] = std::from_chars(left_.data(), left_.data() + left_.size(), extent);
      check(fault == std::errc() && extent >= 0 && out.size() < 64, "an extent that is not a count");
      left_.remove_prefix(static_cast<size_t>(end - left_.data()));
      out.push_back(extent);
      accept('L');  // Python 2
      if (!accept(',')) check(peek() == ')', "no comma in its shape");
    }
    return out;
  }

  std::string_view left_;
  const std::string& name_;
};

/// The parsed header, and the data after it.
std::pair<Header, std::string_view> npy_parts(std::string_view bytes, const std::string& name) {
  require(bytes.starts_with(magic), name, ": is not a .npy file; write it with numpy.save");
  const auto number = [&](size_t at, size_t size) {
    uint32_t out = 0;
    require(bytes.size() >= at + size, name, ": the file is truncated in its header; copy it again");
    std::memcpy(&out, bytes.data() + at, size);
    return size_t{out};
  };
  const size_t version = number(6, 1), length_size = version == 1 ? 2 : 4;
  require(version >= 1 && version <= 3, name, ": has the unknown .npy version ", version, " (allowed: 1, 2, 3)");
  const size_t length = number(8, length_size), begin = 8 + length_size;
  require(length <= bytes.size() - begin, name, ": the file is truncated in its header; copy it again");
  return {NpyHeaderReader(bytes.substr(begin, length), name).read(), bytes.substr(begin + length)};
}

}  // namespace

torch::Tensor parse_npy(std::string_view bytes, const std::string& name) {
  auto [header, data] = npy_parts(bytes, name);
  const auto [dtype, swapped] = type_of(*header.descr, name);
  const bool fortran = *header.fortran_order;
  const std::vector<int64_t> reversed(header.shape->rbegin(), header.shape->rend());
  // Before the extents are reversed, so that the message shows the file's own shape.
  check_size(data, dtype, *header.shape, name);
  const auto transposed = tensor_from_bytes(data, dtype, fortran ? reversed : *header.shape, name);
  if (swapped) swap_bytes(transposed);
  if (!fortran) return transposed;
  std::vector<int64_t> order(reversed.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int64_t>(order.size() - 1 - i);
  return transposed.permute(order).contiguous();
}

torch::Tensor read_npy(const std::filesystem::path& path, const Files& files) {
  return parse_npy(files.read(path), path.string());
}

torch::Tensor map_npy(const std::filesystem::path& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  const auto name = path.string();
  return file->used_by([&](std::string_view bytes) {
    const auto [header, data] = npy_parts(bytes, name);
    const auto [dtype, swapped] = type_of(*header.descr, name);
    const bool aligned = reinterpret_cast<uintptr_t>(data.data()) % torch::elementSize(dtype) == 0;
    if (swapped || *header.fortran_order || !aligned || dtype == torch::kBool || data.empty())
      return parse_npy(bytes, name);
    check_size(data, dtype, *header.shape, name);
    return torch::from_blob(
        const_cast<char*>(data.data()), *header.shape, [file](void*) {}, torch::TensorOptions(dtype));
  });
}

std::string npy_header(torch::ScalarType type, torch::IntArrayRef shape) {
  std::string descr, extents;
  for (const auto& [code, dtype] : npy_types()) {
    if (dtype == type) descr = (torch::elementSize(type) == 1 ? "|" : "<") + code;
  }
  require(!descr.empty(), "a tensor of ", type_name(type),
          " cannot be written as .npy, which has no such type; convert it to float32");
  for (const int64_t extent : shape) extents += (extents.empty() ? "" : ", ") + std::to_string(extent);
  if (shape.size() == 1) extents += ',';
  auto header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" + extents + "), }";
  const size_t before = magic.size() + 4;
  header.resize((before + header.size() + 1 + 63) / 64 * 64 - before - 1, ' ');  // numpy aligns the data to 64
  header += '\n';
  const auto length = static_cast<uint16_t>(header.size());
  auto out = std::string(magic) + '\1' + '\0';
  out.append(reinterpret_cast<const char*>(&length), sizeof length).append(header);
  return out;
}

std::string npy_bytes(const torch::Tensor& tensor) {
  const auto values = plain(tensor);
  return npy_header(values.scalar_type(), values.sizes()).append(bytes_of(values));
}

void write_npy(const std::filesystem::path& path, const torch::Tensor& tensor, const Files& files) {
  files.replace(path, npy_bytes(tensor));
}

}  // namespace monge::io
