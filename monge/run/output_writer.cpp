#include "monge/run/output_writer.h"

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_identity.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/data/arrays.h"
#include "monge/data/member_path.h"
#include "monge/data/parquet_path.h"
#include "monge/io/image.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;

}  // namespace

DataKind kind_of(const std::string& path) {
  std::error_code ignored;
  const auto set = data::member_path(path).set;
  if (fs::is_directory(set, ignored)) return DataKind::folder;
  if (data::has_array_extension(data::array_path(path).file)) return DataKind::table;
  if (io::has_archive_extension(set)) return DataKind::archive;
  return data::parquet_path(path) ? DataKind::folder : DataKind::image;
}

DataKind kind_of(const std::string& path, const data::Source& source) {
  return source.item_shape().size() == 1 ? DataKind::table : kind_of(path);
}

void check_output(DataKind kind, const fs::path& in, const fs::path& out) {
  const auto need = [&](bool fits, const std::string& allowed) {
    if (fits) return;
    throw InputError({.what = "the output must be of the same kind as the input",
                      .where = "OUT",
                      .value = out.string(),
                      .allowed = allowed});
  };
  std::error_code ignored;
  require(!fs::equivalent(in, out, ignored), out.string(), ": is the input itself; choose another OUT");
  const auto extension = lower_extension(out);
  require(kind == DataKind::folder || !fs::is_directory(out, ignored), out.string(),
          ": is a folder, but a file is expected; choose another OUT");
  switch (kind) {
    case DataKind::table:
      return need(extension == ".npy" || is_text_table(out),
                  text("a .npy, .csv, .tsv, .csv.gz or .tsv.gz file",
                       data::array_extension(in) == ".h5ad" ? ", or a .h5ad file" : ""));
    case DataKind::image:
      return need(io::has_output_extension(out), text("a ", io::kOutputFormats, " file"));
    case DataKind::folder:
      return need(fs::exists(out, ignored) ? fs::is_directory(out, ignored)
                                           : !io::has_archive_extension(out) && !io::has_image_extension(out),
                  "a folder");
    case DataKind::archive:
      return need(extension == ".tar" || extension == ".zip" || extension == ".tgz" ||
                      (extension == ".gz" && lower_extension(out.stem()) == ".tar"),
                  "a .tar, .tar.gz, .tgz or .zip file");
  }
}

fs::path output_name(const fs::path& item, int64_t sample, int64_t samples_per_input) {
  auto name = item;
  if (!io::has_image_extension(name)) name = with_suffix(name += ".png", "");
  if (!io::has_output_extension(name)) name.replace_extension(".png");  // a drawing becomes pixels
  return samples_per_input == 1 ? name : with_suffix(name, text("_", sample + 1));
}

fs::path OutputNames::take(const std::string& item, int64_t sample, int64_t samples_per_input) {
  const auto name = output_name(item, sample, samples_per_input);
  auto out = name;
  for (int64_t n = 2; !used_.insert(out.string()).second; ++n) out = with_suffix(name, text("-", n));
  return out;
}

namespace {

/// Calls `use` with each file that will be written.
template <class Use>
void for_each_output(DataKind kind, const fs::path& out, const data::Source& source, int64_t samples_per_input,
                     const Use& use) {
  if (kind == DataKind::table || kind == DataKind::archive) return use(out);
  if (kind == DataKind::image) {
    for (int64_t k = 0; k < samples_per_input; ++k) use(output_name(out, k, samples_per_input));
    return;
  }
  std::error_code failure;
  if (!fs::is_directory(out, failure) || fs::is_empty(out, failure)) return;  // nothing can be replaced
  OutputNames names;
  for (int64_t i = 0; i < source.size(); ++i) {
    const auto item = source.item_name(i);
    for (int64_t k = 0; k < samples_per_input; ++k) use(out / names.take(item, k, samples_per_input));
  }
}

/// Calls `use` with each file that is read.
template <class Use>
void for_each_input(const std::vector<fs::path>& in, const data::Source& source, const Use& use) {
  std::error_code ignored;
  for (const auto& path : in) {
    if (!fs::is_directory(path, ignored)) {
      use(path);
      continue;
    }
    for (int64_t i = 0; i < source.size(); ++i) use(path / source.item_name(i));
  }
}

}  // namespace

int64_t check_replaced(DataKind kind, const fs::path& out, const std::vector<fs::path>& in, const data::Source& source,
                       int64_t samples_per_input, const fs::path& grid) {
  const auto outputs = [&](const std::function<void(const fs::path&)>& use) {
    for_each_output(kind, out, source, samples_per_input, use);
  };
  return check_replaced(outputs, in, source, grid);
}

int64_t check_replaced(const ForEachFile& for_each_output, const std::vector<fs::path>& in, const data::Source& source,
                       const fs::path& grid) {
  int64_t count = 0;
  std::map<FileIdentity, std::string> existing;
  const auto note = [&](const fs::path& output) {
    if (const auto id = file_identity(output)) existing.emplace(*id, output.string());
  };
  for_each_output([&](const fs::path& output) {
    std::error_code failure;
    const auto type = fs::symlink_status(output, failure).type();
    if (type == fs::file_type::not_found || type == fs::file_type::none || type == fs::file_type::directory) return;
    ++count;
    note(output);
  });
  if (!grid.empty()) note(grid);
  if (existing.empty()) return count;
  for_each_input(in, source, [&](const fs::path& input) {
    const auto id = file_identity(input);
    const auto found = id ? existing.find(*id) : existing.end();
    if (found == existing.end()) return;
    throw InputError(text(found->second, ": an output would overwrite this file, which is read as the input ",
                          input.string(), "; nothing was written; choose another place for the outputs"));
  });
  return count;
}

OutputWriter::OutputWriter(DataKind kind, fs::path out, int64_t items, TableFormat format)
    : kind_(kind), out_(std::move(out)) {
  if (kind_ == DataKind::folder) make_writable_folder(out_);
  if (kind_ != DataKind::folder && out_.has_parent_path()) make_writable_folder(out_.parent_path());
  if (kind_ == DataKind::archive) archive_ = std::make_unique<io::ArchiveWriter>(out_);
  if (kind_ == DataKind::table) table_ = std::make_unique<TableWriter>(out_, items, std::move(format));
}

void OutputWriter::add(const std::string& item, const torch::Tensor& outputs_KCHW,
                       const std::optional<io::SampleRange>& sixteen_bits) {
  if (table_) return table_->add(outputs_KCHW);
  for (int64_t k = 0; k < outputs_KCHW.size(0); ++k)
    add_sample(item, k, outputs_KCHW.size(0), outputs_KCHW[k], sixteen_bits);
}

void OutputWriter::add_sample(const std::string& item, int64_t sample, int64_t samples_per_input,
                              const torch::Tensor& output_CHW, const std::optional<io::SampleRange>& sixteen_bits) {
  const auto pixels = [&](const fs::path& name) {
    return sixteen_bits && io::holds_sixteen_bits(name) ? io::from_float_to_sixteen_bits(output_CHW, *sixteen_bits)
                                                        : io::from_float(output_CHW);
  };
  if (kind_ == DataKind::image) {
    const auto name = output_name(out_, sample, samples_per_input);
    io::write_image(name, pixels(name));
    return;
  }
  const auto name = names_.take(item, sample, samples_per_input);
  if (archive_) {
    archive_->add(name.string(), io::encode_image(pixels(name), name));
  } else {
    make_folders((out_ / name).parent_path());
    io::write_image(out_ / name, pixels(name));
  }
}

void OutputWriter::leave_out(const std::string& item, int64_t samples_per_input) {
  for (int64_t k = 0; k < samples_per_input; ++k) names_.take(item, k, samples_per_input);
}

void OutputWriter::finish() {
  if (archive_) archive_->finish();
  if (table_) table_->finish();
}

}  // namespace monge::run
