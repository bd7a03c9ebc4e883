// The attributes of HDF5's objects.
#include <utility>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/io/hdf5.h"

namespace monge::io {
namespace {

/// Of a text that a file claims to hold, and of a list of attributes.
constexpr int64_t kLongestAttribute = int64_t{1} << 26;

/// The bytes of all points of `space` in memory; 0 for a null space.
int64_t bytes_in_memory(hid_t type, hid_t space, const std::string& where) {
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return 0;
  const int64_t count = H5Sget_simple_extent_npoints(space);
  return checked_multiply(count, static_cast<int64_t>(H5Tget_size(type)), where);
}

}  // namespace

bool Hdf5Node::has_attribute(const std::string& name) const {
  const Hdf5Lock lock;
  return H5Aexists(id(), name.c_str()) > 0;
}

std::vector<std::string> Hdf5Node::texts_attribute(const std::string& name) const {
  const Hdf5Lock lock;
  if (!has_attribute(name)) return {};
  const Hdf5Id attribute(H5Aopen(id(), name.c_str(), H5P_DEFAULT));
  const Hdf5Id type(H5Aget_type(attribute.get())), space(H5Aget_space(attribute.get()));
  if (!attribute || !type || !space) refuse("its attribute " + name + " cannot be read", true);
  if (H5Tget_class(type.get()) != H5T_STRING) return {};
  const int64_t bytes = bytes_in_memory(type.get(), space.get(), where());
  if (bytes == 0) return {};
  if (bytes > kLongestAttribute) refuse("its attribute " + name + " is too large");
  std::vector<char> buffer(static_cast<size_t>(bytes));
  if (H5Aread(attribute.get(), type.get(), buffer.data()) < 0)
    refuse("its attribute " + name + " cannot be read", true);
  const int64_t count = H5Sget_simple_extent_npoints(space.get());
  auto out = hdf5_texts(type.get(), buffer, count);
  if (H5Tis_variable_str(type.get()) > 0) H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, buffer.data());
  return out;
}

std::optional<std::string> Hdf5Node::text_attribute(const std::string& name) const {
  auto texts = texts_attribute(name);
  if (texts.size() != 1) return std::nullopt;
  return std::move(texts[0]);
}

std::vector<int64_t> Hdf5Node::numbers_attribute(const std::string& name) const {
  const Hdf5Lock lock;
  if (!has_attribute(name)) return {};
  const Hdf5Id attribute(H5Aopen(id(), name.c_str(), H5P_DEFAULT));
  const Hdf5Id type(H5Aget_type(attribute.get())), space(H5Aget_space(attribute.get()));
  if (!attribute || !type || !space) refuse("its attribute " + name + " cannot be read", true);
  if (H5Tget_class(type.get()) != H5T_INTEGER) return {};
  const int64_t bytes = bytes_in_memory(H5T_NATIVE_INT64, space.get(), where());
  if (bytes > kLongestAttribute) refuse("its attribute " + name + " is too large");
  std::vector<int64_t> out(static_cast<size_t>(bytes) / sizeof(int64_t));
  if (!out.empty() && H5Aread(attribute.get(), H5T_NATIVE_INT64, out.data()) < 0)
    refuse("its attribute " + name + " cannot be read", true);
  return out;
}

std::optional<Hdf5Node> Hdf5Node::reference_attribute(const std::string& name) const {
  const Hdf5Lock lock;
  if (!has_attribute(name)) return std::nullopt;
  const Hdf5Id attribute(H5Aopen(id(), name.c_str(), H5P_DEFAULT));
  const Hdf5Id type(H5Aget_type(attribute.get())), space(H5Aget_space(attribute.get()));
  if (!attribute || !type || !space) refuse("its attribute " + name + " cannot be read", true);
  if (H5Tequal(type.get(), H5T_STD_REF_OBJ) <= 0 || H5Sget_simple_extent_npoints(space.get()) != 1) return std::nullopt;
  hobj_ref_t reference{};
  if (H5Aread(attribute.get(), H5T_STD_REF_OBJ, &reference) < 0)
    refuse("its attribute " + name + " cannot be read", true);
  return at(reference);
}

void Hdf5Node::set_text_attribute(const std::string& name, const std::string& value) const {
  const Hdf5Lock lock;
  H5Adelete(id(), name.c_str());
  const auto type = hdf5_text_type();
  const Hdf5Id space(H5Screate(H5S_SCALAR));
  const Hdf5Id attribute(H5Acreate2(id(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  const char* bytes = value.c_str();
  if (!attribute || H5Awrite(attribute.get(), type.get(), &bytes) < 0) refuse_write();
}

void Hdf5Node::set_texts_attribute(const std::string& name, const std::vector<std::string>& values) const {
  const Hdf5Lock lock;
  H5Adelete(id(), name.c_str());
  const auto type = hdf5_text_type();
  const hsize_t count = values.size();
  const Hdf5Id space(H5Screate_simple(1, &count, nullptr));
  const Hdf5Id attribute(H5Acreate2(id(), name.c_str(), type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
  std::vector<const char*> texts;
  for (const auto& value : values) texts.push_back(value.c_str());
  if (!attribute || (count > 0 && H5Awrite(attribute.get(), type.get(), texts.data()) < 0)) refuse_write();
}

}  // namespace monge::io
