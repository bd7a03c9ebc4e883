#include "monge/io/anndata_frame.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/text_encoding.h"

namespace monge::io {
namespace {

constexpr const char* kOldCategories = "__categories";

bool is_boolean(hid_t type) {
  if (H5Tget_class(type) != H5T_ENUM || H5Tget_nmembers(type) != 2) return false;
  int8_t no = 0, yes = 0;
  return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 && yes == 1;
}

template <class Number>
std::string shortest(Number value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {static_cast<const char*>(digits), static_cast<const char*>(end)};
}

/// Numbers each distinct value. NaN is missing.
template <class Value, class Text>
void factorise(const std::vector<Value>& rows, FrameColumn& out, const Text& text_of) {
  std::unordered_map<Value, int64_t> place;
  out.codes.reserve(rows.size());
  for (const auto& row : rows) {
    if constexpr (std::is_floating_point_v<Value>) {
      if (row != row) {
        out.codes.push_back(-1);
        continue;
      }
    }
    const auto [found, fresh] = place.emplace(row, static_cast<int64_t>(out.values.size()));
    if (fresh) out.values.push_back(text_of(row));
    if constexpr (std::is_arithmetic_v<Value>) {
      if (fresh) out.numbers.push_back(static_cast<long double>(row));
    }
    out.codes.push_back(found->second);
  }
}

template <class Number>
std::vector<Number> numbers_of(const Hdf5Node& node, int64_t count, hid_t memory_type) {
  require_memory(node.where(), checked_multiply(count, sizeof(Number), node.where()));
  std::vector<Number> out(static_cast<size_t>(count));
  node.read(0, count, memory_type, out.data());
  return out;
}

/// Where a column of anndata before 0.8 has its categories; nothing for others.
std::optional<Hdf5Node> old_categories(const Hdf5Node& frame, const std::string& name, const Hdf5Node& column) {
  if (!column.has_attribute("categories")) return std::nullopt;
  if (frame.has(kOldCategories)) {
    const auto group = frame.child(kOldCategories);
    if (group.has(name)) return group.child(name);
  }
  return column.reference_attribute("categories");
}

FrameColumn plain_column(const Hdf5Node& node) {
  const Hdf5Lock lock;
  FrameColumn out;
  const auto extents = node.shape();
  if (extents.size() != 1) node.refuse("a column needs one value per row");
  node.require_filters();
  const auto type = node.type();
  const int64_t count = extents[0];
  const auto kind = H5Tget_class(type.get());
  if (kind == H5T_STRING) {
    factorise(node.read_texts(), out, [](const std::string& text) { return utf8_name(text); });
  } else if (is_boolean(type.get())) {
    out.boolean = true;
    std::vector<int64_t> rows;
    for (const int8_t value : numbers_of<int8_t>(node, count, type.get())) rows.push_back(value != 0);
    factorise(rows, out, [](int64_t value) { return std::string(value ? "True" : "False"); });
  } else if (kind == H5T_INTEGER && H5Tget_sign(type.get()) == H5T_SGN_NONE) {
    factorise(numbers_of<uint64_t>(node, count, H5T_NATIVE_UINT64), out, shortest<uint64_t>);
  } else if (kind == H5T_INTEGER) {
    factorise(numbers_of<int64_t>(node, count, H5T_NATIVE_INT64), out, shortest<int64_t>);
  } else if (kind == H5T_FLOAT && H5Tget_size(type.get()) <= sizeof(float)) {
    out.single = true;
    factorise(numbers_of<float>(node, count, H5T_NATIVE_FLOAT), out, shortest<float>);
  } else if (kind == H5T_FLOAT) {
    factorise(numbers_of<double>(node, count, H5T_NATIVE_DOUBLE), out, shortest<double>);
  } else {
    node.refuse("a column holds neither texts nor numbers");
  }
  return out;
}

/// Codes that refer to the distinct values of a list of categories.
FrameColumn categorical_column(const Hdf5Node& codes, const Hdf5Node& categories) {
  auto list = anndata_kind(categories) == AnnDataKind::nullable ? plain_column(categories.child("values"))
                                                                : plain_column(categories);
  FrameColumn out;
  out.single = list.single;
  out.boolean = list.boolean;
  out.values = std::move(list.values);
  out.numbers = std::move(list.numbers);
  out.codes = codes.read_numbers();
  const auto count = static_cast<int64_t>(list.codes.size());
  for (auto& code : out.codes) {
    if (code >= count) codes.refuse(text("the code ", code, " is beyond its ", count, " categories"));
    code = code < 0 ? -1 : list.codes[static_cast<size_t>(code)];
  }
  return out;
}

/// The rows that a mask marks as missing.
std::vector<int8_t> mask_of(const Hdf5Node& element) {
  const Hdf5Lock lock;
  const auto mask = element.child("mask");
  const auto extents = mask.shape();
  const auto type = mask.type();
  const auto kind = H5Tget_class(type.get());
  if (extents.size() != 1 || (kind != H5T_INTEGER && kind != H5T_ENUM) || H5Tget_size(type.get()) != 1)
    mask.refuse("is no mask");
  mask.require_filters();
  return numbers_of<int8_t>(mask, extents[0], type.get());
}

}  // namespace

AnnDataKind anndata_kind(const Hdf5Node& element) {
  auto encoding = element.text_attribute("encoding-type").value_or("");
  if (encoding.empty()) {  // anndata before 0.7
    if (const auto old = element.text_attribute("h5sparse_format")) encoding = *old + "_matrix";
  }
  if (!element.is_group()) return AnnDataKind::array;
  if (encoding == "csr_matrix") return AnnDataKind::csr;
  if (encoding == "csc_matrix") return AnnDataKind::csc;
  if (encoding == "dataframe") return AnnDataKind::frame;
  if (encoding == "categorical") return AnnDataKind::categorical;
  if (encoding.starts_with("nullable-")) return AnnDataKind::nullable;
  if (encoding.empty() && element.has_attribute("_index")) return AnnDataKind::frame;
  if (encoding.empty() || encoding == "dict" || encoding == "raw" || encoding == "anndata") return AnnDataKind::dict;
  return AnnDataKind::other;
}

int64_t FrameColumn::find(const std::string& word) const {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == word) return static_cast<int64_t>(i);
  }
  if (numbers.empty()) return -1;
  const auto is_number = [&](long double value) {
    const auto found = std::find_if(numbers.begin(), numbers.end(), [&](long double number) {
      return number == value || (single && number == static_cast<long double>(static_cast<float>(value)));
    });
    return found == numbers.end() ? -1 : static_cast<int64_t>(found - numbers.begin());
  };
  if (boolean) {
    std::string lower = word;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (lower == "true" || lower == "1") return is_number(1);
    return lower == "false" || lower == "0" ? is_number(0) : -1;
  }
  double value = 0;
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  return failure == std::errc() && end == word.data() + word.size() ? is_number(value) : -1;
}

std::string frame_index_name(const Hdf5Node& frame) {
  const auto named = frame.text_attribute("_index");
  if (named) return *named;
  for (const char* usual : {"_index", "index"}) {
    if (frame.has(usual)) return usual;
  }
  frame.refuse("names no index, so it is no data frame of AnnData");
}

std::vector<std::string> frame_index(const Hdf5Node& frame) {
  const auto name = frame_index_name(frame);
  if (!frame.has(name)) frame.refuse("lacks its index " + shown(name));
  const auto node = frame.child(name);
  const auto kind = anndata_kind(node);
  if (kind == AnnDataKind::array && !node.has_attribute("categories")) {
    const Hdf5Lock lock;
    if (H5Tget_class(node.type().get()) == H5T_STRING) {
      auto out = node.read_texts();
      for (auto& text : out) text = utf8_name(text);
      return out;
    }
  }
  const auto rows = kind == AnnDataKind::array         ? node.shape()
                    : kind == AnnDataKind::categorical ? node.child("codes").shape()
                    : kind == AnnDataKind::nullable    ? node.child("values").shape()
                                                       : std::vector<int64_t>();
  if (rows.size() != 1) node.refuse("cannot name rows");
  const auto column = frame_column(frame, name, rows[0]);
  std::vector<std::string> out;
  for (const int64_t code : column.codes) out.push_back(code < 0 ? "" : column.values[static_cast<size_t>(code)]);
  return out;
}

std::vector<std::string> frame_columns(const Hdf5Node& frame) {
  auto out = frame.texts_attribute("column-order");
  if (!out.empty()) return out;
  const auto index = frame_index_name(frame);
  for (auto& name : frame.names()) {
    if (name != index && name != kOldCategories) out.push_back(std::move(name));
  }
  return out;
}

FrameColumn frame_column(const Hdf5Node& frame, const std::string& name, int64_t rows) {
  const Hdf5Lock lock;
  const auto node = frame.child(name);
  FrameColumn out;
  switch (anndata_kind(node)) {
    case AnnDataKind::array:
      if (const auto categories = old_categories(frame, name, node)) {
        out = categorical_column(node, *categories);
      } else {
        out = plain_column(node);
      }
      break;
    case AnnDataKind::categorical:
      out = categorical_column(node.child("codes"), node.child("categories"));
      break;
    case AnnDataKind::nullable: {
      out = plain_column(node.child("values"));
      const auto mask = mask_of(node);
      if (mask.size() != out.codes.size()) node.refuse("its mask and its values differ in length");
      for (size_t i = 0; i < mask.size(); ++i) {
        if (mask[i] != 0) out.codes[i] = -1;
      }
      break;
    }
    default:
      node.refuse("is no column that can be read");
  }
  if (static_cast<int64_t>(out.codes.size()) != rows)
    node.refuse(text("has ", out.codes.size(), " values for ", rows, " rows"));
  return out;
}

std::vector<double> frame_numbers(const Hdf5Node& frame, const std::string& name, int64_t rows) {
  const auto column = frame_column(frame, name, rows);
  if (column.numbers.size() != column.values.size()) frame.child(name).refuse("holds no numbers");
  std::vector<double> out;
  out.reserve(column.codes.size());
  for (const int64_t code : column.codes) {
    out.push_back(code < 0 ? std::numeric_limits<double>::quiet_NaN()
                           : static_cast<double>(column.numbers[static_cast<size_t>(code)]));
  }
  return out;
}

}  // namespace monge::io
