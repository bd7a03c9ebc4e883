// Chooses the column of a Parquet file that holds images.
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/image_parquet_file.h"

namespace monge::data::image_parquet {
namespace {

bool is_bytes(const parquet::schema::Node& node) {
  if (!node.is_primitive() || node.is_repeated()) return false;
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  return leaf.physical_type() == parquet::Type::BYTE_ARRAY && leaf.converted_type() == parquet::ConvertedType::NONE &&
         (!leaf.logical_type() || leaf.logical_type()->is_none());
}

bool is_text(const parquet::schema::Node& node) {
  if (!node.is_primitive() || node.is_repeated()) return false;
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  return leaf.physical_type() == parquet::Type::BYTE_ARRAY && leaf.logical_type() && leaf.logical_type()->is_string();
}

/// "label (INT64)", for messages.
std::string described(const parquet::schema::Node& node) {
  const auto kind = [&]() -> std::string {
    if (is_text(node)) return "text";
    if (is_bytes(node)) return "binary";
    if (node.is_repeated()) return "list";
    if (node.is_primitive())
      return parquet::TypeToString(static_cast<const parquet::schema::PrimitiveNode&>(node).physical_type());
    return node.logical_type() && !node.logical_type()->is_none() ? node.logical_type()->ToString() : "struct";
  }();
  return shown(node.name()) + " (" + kind + ')';
}

constexpr auto kAllowed = "binary, or a struct of binary \"bytes\" and text \"path\" as in Hugging Face datasets";

}  // namespace

Column choose_column(const fs::path& path, const parquet::SchemaDescriptor& schema, const std::string& wanted) {
  const auto& root = *schema.group_node();
  std::vector<Column> fitting;
  std::vector<std::string> all, names;
  for (int f = 0; f < root.field_count(); ++f) {
    const auto& node = *root.field(f);
    all.push_back(described(node));
    names.push_back(node.name());
    Column column{.name = node.name()};
    if (is_bytes(node)) {
      column.image = schema.ColumnIndex(node);
    } else if (node.is_group() && !node.is_repeated()) {
      const auto& group = static_cast<const parquet::schema::GroupNode&>(node);
      for (int k = 0; k < group.field_count(); ++k) {
        const auto& part = *group.field(k);
        if (part.name() == "bytes" && is_bytes(part)) column.image = schema.ColumnIndex(part);
        if (part.name() == "path" && is_text(part)) column.path = schema.ColumnIndex(part);
      }
    }
    if (column.image >= 0) fitting.push_back(column);
    if (node.name() != wanted) continue;
    if (column.image >= 0) return column;
    throw InputError({.what = "the column cannot hold images",
                      .where = path.string(),
                      .value = described(node),
                      .allowed = kAllowed});
  }
  if (!wanted.empty()) {
    throw InputError({.what = "has no such column",
                      .where = path.string(),
                      .value = shown(wanted),
                      .allowed = join(all),
                      .fix = suggestion(wanted, names)});
  }
  if (fitting.size() == 1) return fitting[0];
  if (fitting.empty()) {
    throw InputError(
        {.what = "no column can hold images", .where = path.string(), .value = join(all), .allowed = kAllowed});
  }
  std::vector<std::string> candidates;
  for (const auto& column : fitting) candidates.push_back(shown(column.name));
  throw InputError({.what = "several columns can hold images",
                    .where = path.string(),
                    .allowed = join(candidates),
                    .fix = "name one: FILE.parquet?column=NAME"});
}

}  // namespace monge::data::image_parquet
