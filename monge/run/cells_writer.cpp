#include "monge/run/cells_writer.h"

#include <filesystem>
#include <numeric>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/array_path.h"
#include "monge/data/cells.h"
#include "monge/io/anndata.h"
#include "monge/io/text_encoding.h"
#include "monge/run/step_writer.h"

namespace monge::run {
namespace {

/// Rows are written together until they are so many numbers.
constexpr int64_t kBlock = int64_t{1} << 21;

/// The places in the file's table of the columns of outputs. @throws InputError for a name that is not there.
std::vector<int64_t> file_columns(const data::CellsTable& input, const std::vector<std::string>& names,
                                  const std::string& in) {
  if (names.empty() || input.info.columns.empty()) return input.columns;
  std::unordered_map<std::string, int64_t> place;
  bool same = names.size() == input.columns.size();  // then a name may occur twice
  for (size_t i = 0; i < input.columns.size(); ++i) {
    const auto name = io::utf8_name(input.info.columns[static_cast<size_t>(input.columns[i])]);
    same = same && name == names[i];
    place.emplace(name, input.columns[i]);
  }
  if (same) return input.columns;
  std::vector<int64_t> out;
  for (const auto& name : names) {
    const auto found = place.find(name);
    require(found != place.end(), in, ": has no column ", shown(name));
    out.push_back(found->second);
  }
  return out;
}

}  // namespace

struct CellsWriter::Plan {
  data::CellsTable input;
  io::CellsEntry entry;             ///< of one step and sample, with the name before their numbers
  torch::Tensor order;              ///< int64 [D]: which output is column i of the entry; undefined: the same order
  torch::Tensor loadings;           ///< float64 [genes, D] and
  torch::Tensor intercept;          ///< float64 [genes], for genes; else undefined
  std::vector<int64_t> components;  ///< the columns of the embedding that are transported, in the order of outputs

  void make_entry(const CellsOutput& out, const CellsFormat& format);
  void make_genes(const CellsOutput& out, const CellsFormat& format);
};

void CellsWriter::Plan::make_entry(const CellsOutput& out, const CellsFormat& format) {
  const auto& info = input.info;
  const auto places = file_columns(input, format.columns, format.in);
  const auto width = static_cast<int64_t>(places.size());
  const bool embedding = info.element.starts_with("obsm/"), raw = info.element.starts_with("raw/");
  const bool all_genes = !embedding && !raw && width == info.width;
  entry = {.group = all_genes && out.obsm.empty() ? "layers" : "obsm", .name = {}, .width = width, .type = format.type};
  if (!out.layer.empty() && !all_genes) {
    throw InputError({.what = embedding ? "an embedding is no layer, which has one column per gene"
                                        : text("a layer has all genes of var, and the outputs have ", width,
                                               " columns of ", info.element),
                      .where = out.file.string(),
                      .value = "layer=" + out.layer,
                      .allowed = embedding ? "obsm=NAME for the embedding, genes=NAME for genes computed from it"
                                           : "obsm=NAME, which holds them as a data frame"});
  }
  if (!out.layer.empty() && !out.obsm.empty()) {
    throw InputError({.what = "layer= and obsm= exclude each other", .where = out.file.string()});
  }
  entry.name = entry.group == "layers" ? (out.layer.empty() ? "transported" : out.layer)
                                       : (out.obsm.empty() ? "X_transported" : out.obsm);
  if (entry.group == "layers") {
    // Outputs have the order of the training, a layer that of var.
    std::vector<int64_t> order(places.size());
    for (size_t i = 0; i < places.size(); ++i) order[static_cast<size_t>(places[i])] = static_cast<int64_t>(i);
    this->order = torch::tensor(order, torch::kInt64);
    return;
  }
  if (info.columns.empty()) return;  // an embedding without names
  for (const int64_t place : places) entry.columns.push_back(info.columns[static_cast<size_t>(place)]);
}

void CellsWriter::Plan::make_genes(const CellsOutput& out, const CellsFormat& format) {
  if (out.genes.empty()) return;
  const auto& info = input.info;
  if (!info.element.starts_with("obsm/")) {
    throw InputError({.what = "genes= computes genes from an embedding, and the input holds genes",
                      .where = out.file.string(),
                      .value = "genes=" + out.genes,
                      .fix = "leave it out, or name an embedding as the input: IN.h5ad?obsm=X_pca"});
  }
  const io::AnnDataFile file(data::array_path(format.in).file);
  const auto all = file.gene_matrix(out.loadings);
  if (all.size(1) != info.width) {
    throw InputError(
        {.what = text("varm/", out.loadings, " has ", all.size(1), " columns, and ", info.element, " has ", info.width),
         .where = format.in,
         .fix = "name the loadings of this embedding with loadings=NAME"});
  }
  components = file_columns(input, format.columns, format.in);
  const auto places = torch::tensor(components, torch::kInt64);
  loadings = all.index_select(1, places).contiguous();
  const auto genes = file.means(file.table({}, format.in)), scores = file.means(info).index_select(0, places);
  intercept = genes - torch::mv(loadings, scores);
  for (const auto& part : {loadings, intercept}) {
    require(part.isfinite().all().item<bool>(), format.in, ": the loadings varm/", out.loadings,
            ", X or the embedding hold values that are not finite, so genes cannot be computed from them");
  }
}

CellsWriter::CellsWriter(CellsOutput out, CellsFormat format, int64_t items, int64_t steps)
    : out_(std::move(out)), format_(std::move(format)), items_(items), steps_(steps), plan_(std::make_unique<Plan>()) {
  const auto path = data::array_path(format_.in);
  plan_->input = data::choose_cells(format_.in);
  require(static_cast<int64_t>(plan_->input.cells.size()) == items_, format_.in, ": has ", plan_->input.cells.size(),
          " rows now, and had ", items_, " when it was opened; it must not change meanwhile");
  plan_->make_entry(out_, format_);
  plan_->make_genes(out_, format_);
  if (out_.file.has_parent_path()) make_writable_folder(out_.file.parent_path());
  writer_ = std::make_unique<io::AnnDataWriter>(path.file, plan_->input.cells, out_.file);
  add_entries();
}

CellsWriter::~CellsWriter() = default;

void CellsWriter::add_entries() {
  const auto entry_for = [&](io::CellsEntry entry, int64_t step, int64_t sample) {
    if (steps_ > 1) entry.name += '_' + step_name(step, steps_);
    if (format_.samples > 1) entry.name += text('_', sample + 1);
    return writer_->add(entry);
  };
  for (int64_t step = 0; step < steps_; ++step) {
    for (int64_t sample = 0; sample < format_.samples; ++sample) {
      entries_.push_back(entry_for(plan_->entry, step, sample));
      if (!plan_->loadings.defined()) continue;
      const io::CellsEntry genes{
          .group = "layers", .name = out_.genes, .width = plan_->loadings.size(0), .type = format_.type};
      gene_entries_.push_back(entry_for(genes, step, sample));
    }
  }
}

void CellsWriter::add(const std::vector<torch::Tensor>& steps_KD) {
  const auto steps_SKD = torch::stack(steps_KD);
  const std::vector<int64_t> shape = {steps_, format_.samples, plan_->entry.width};
  require(steps_SKD.sizes() == torch::IntArrayRef(shape), out_.file.string(), ": the outputs of a cell have the shape ",
          steps_SKD.sizes(), ", and ", torch::IntArrayRef(shape), " is expected");
  pending_.push_back(steps_SKD);
  ++added_;
  pending_numbers_ += steps_SKD.numel() + static_cast<int64_t>(gene_entries_.size()) *
                                              (plan_->loadings.defined() ? plan_->loadings.size(0) : 0);
  if (pending_numbers_ >= kBlock) flush();
}

torch::Tensor CellsWriter::genes_of(const torch::Tensor& y_ND) const {
  const auto y = y_ND.to(torch::kFloat64);
  if (!out_.keeps_rest) return torch::addmm(plan_->intercept, y, plan_->loadings.t());
  const io::AnnDataFile file(data::array_path(format_.in).file);
  const auto first = plan_->input.cells.begin() + written_;
  const std::vector<int64_t> cells(first, first + y.size(0));
  std::vector<int64_t> genes(static_cast<size_t>(plan_->loadings.size(0)));
  std::iota(genes.begin(), genes.end(), int64_t{0});
  const auto x = file.read(file.table({}, format_.in), cells, genes).to(torch::kFloat64);
  const auto scores = file.read(plan_->input.info, cells, plan_->components).to(torch::kFloat64);
  return torch::addmm(x, y - scores, plan_->loadings.t());
}

void CellsWriter::flush() {
  if (pending_.empty()) return;
  const auto rows_NSKD = torch::stack(pending_);
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto number = static_cast<int64_t>(i);
    const auto y = rows_NSKD.select(1, number / format_.samples).select(1, number % format_.samples);
    writer_->write(entries_[i], written_, plan_->order.defined() ? y.index_select(1, plan_->order) : y);
    if (!plan_->loadings.defined()) continue;
    writer_->write(gene_entries_[i], written_, genes_of(y).clamp(out_.range.low, out_.range.high));
  }
  written_ += rows_NSKD.size(0);
  pending_.clear();
  pending_numbers_ = 0;
}

void CellsWriter::finish() {
  require(added_ == items_, out_.file.string(), ": ", added_, " of ", items_, " items were written");
  flush();
  auto metadata = format_.metadata;
  if (!out_.genes.empty()) metadata.emplace_back("genes", "layers/" + out_.genes);
  writer_->set_metadata(plan_->entry.name, metadata);
  writer_->finish();
}

}  // namespace monge::run
