#include "monge/run/table_writer.h"

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/csv.h"
#include "monge/io/npy.h"
#include "monge/io/tensor_file.h"

namespace monge::run {

TableWriter::TableWriter(std::filesystem::path path, int64_t items)
    : path_(std::move(path)), text_(lower_extension(path_) != ".npy"), items_(items), part_(path_) {}

void TableWriter::add(const torch::Tensor& draws) {
  constexpr size_t kBlock = 1 << 20;
  if (added_++ == 0) {
    shape_ = draws.sizes().vec();
    auto whole = shape_;
    if (whole[0] == 1) whole.erase(whole.begin());
    whole.insert(whole.begin(), items_);
    if (!text_) pending_ = io::npy_header(torch::kFloat32, whole);
  }
  require(draws.sizes() == torch::IntArrayRef(shape_), path_.string(), ": the outputs of an item have the shape ", draws.sizes(),
          ", those before it ", torch::IntArrayRef(shape_));
  const auto values = io::plain(draws.to(torch::kFloat32));
  if (text_) {
    pending_ += io::csv_text(values);
  } else {
    pending_ += io::bytes_of(values);
  }
  if (pending_.size() >= kBlock) flush();
}

void TableWriter::flush() {
  part_.append(pending_);
  pending_.clear();
}

void TableWriter::finish() {
  require(added_ == items_, path_.string(), ": ", added_, " items were written of ", items_);
  flush();
  part_.publish();
}

}  // namespace monge::run
