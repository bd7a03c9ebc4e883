#include "monge/run/table_writer.h"

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/csv_writer.h"
#include "monge/io/npy.h"
#include "monge/io/tensor_file.h"

namespace monge::run {
namespace {

bool is_compressed(const std::filesystem::path& path) { return lower_extension(path) == ".gz"; }

std::string extension_inside(const std::filesystem::path& path) {
  return lower_extension(is_compressed(path) ? path.stem() : path);
}

}  // namespace

bool is_text_table(const std::filesystem::path& path) {
  const auto extension = extension_inside(path);
  return extension == ".csv" || extension == ".tsv";
}

TableWriter::TableWriter(std::filesystem::path path, int64_t items, TableFormat format)
    : path_(std::move(path)),
      text_(is_text_table(path_)),
      separator_(extension_inside(path_) == ".tsv" ? '\t' : ','),
      items_(items),
      format_(std::move(format)),
      part_(path_),
      gzip_(is_compressed(path_) ? std::make_unique<io::GzipStream>() : nullptr) {
  require(format_.names.rows.empty() || static_cast<int64_t>(format_.names.rows.size()) == items_, path_.string(), ": ",
          items_, " items have ", format_.names.rows.size(), " row names");
}

TableWriter::~TableWriter() = default;

void TableWriter::add(const torch::Tensor& outputs) {
  constexpr size_t kBlock = 1 << 20;
  if (added_++ == 0) {
    shape_ = outputs.sizes().vec();
    auto whole = shape_;
    if (whole[0] == 1) whole.erase(whole.begin());
    whole.insert(whole.begin(), items_);
    pending_ = text_ ? io::csv_header(format_.names, separator_) : io::npy_header(format_.type, whole);
  }
  require(outputs.sizes() == torch::IntArrayRef(shape_), path_.string(), ": the outputs of an item have the shape ",
          outputs.sizes(), ", those before it ", torch::IntArrayRef(shape_));
  if (text_) {
    add_text(outputs);
  } else {
    pending_ += io::bytes_of(io::plain(outputs.to(format_.type)));
  }
  if (pending_.size() >= kBlock) flush();
}

void TableWriter::add_text(const torch::Tensor& outputs_KD) {
  const auto& names = format_.names;
  require(names.columns.empty() || outputs_KD.size(-1) == static_cast<int64_t>(names.columns.size()), path_.string(),
          ": ", outputs_KD.size(-1), " columns have ", names.columns.size(), " names");
  std::vector<std::string> rows;
  if (!names.rows.empty())
    rows.assign(static_cast<size_t>(outputs_KD.size(0)), names.rows.at(static_cast<size_t>(added_ - 1)));
  pending_ += io::csv_rows(outputs_KD, {.separator = separator_, .steps = format_.steps}, rows);
}

void TableWriter::flush() {
  part_.append(gzip_ ? gzip_->add(pending_) : pending_);
  pending_.clear();
}

void TableWriter::finish() {
  require(added_ == items_, path_.string(), ": ", added_, " of ", items_, " items were written");
  flush();
  if (gzip_) part_.append(gzip_->finish());
  part_.publish();
}

}  // namespace monge::run
