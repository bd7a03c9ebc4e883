#include "monge/serve/catalogue.h"

#include <algorithm>
#include <set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/model/pretrained.h"
#include "monge/report/run_record.h"
#include "monge/serve/run_state.h"
#include "monge/train/checkpoint.h"

namespace monge::serve {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostEntries = 10000;

bool is_model_file(const fs::path& path) {
  const auto extension = lower_extension(path);
  std::error_code ignored;
  return (extension == ".safetensors" || extension == ".pt" || extension == ".pth") &&
         fs::is_regular_file(path, ignored);
}

bool has_checkpoints(const fs::path& run) { return !train::list_checkpoints(run / "checkpoints").empty(); }

/// A text that changes when the model at a path does.
std::string stamp_of(const fs::path& path) {
  std::error_code ignored;
  if (!report::is_run_directory(path)) {
    const auto time = fs::last_write_time(path, ignored).time_since_epoch().count();
    return text(time, "/", fs::is_regular_file(path, ignored) ? fs::file_size(path, ignored) : 0);
  }
  const auto checkpoints = train::list_checkpoints(path / "checkpoints");
  if (checkpoints.empty()) return "";
  // After a return from a divergence an iteration is saved a second time.
  const auto time = fs::last_write_time(checkpoints.back(), ignored).time_since_epoch().count();
  return text(checkpoints.back().filename().string(), "/", time);
}

}  // namespace

Catalogue::Catalogue(const fs::path& path, CatalogueOptions options)
    : root_(fs::absolute(model::resolve_model(path, "PATH")).lexically_normal()), options_(std::move(options)) {
  scan();
  if (entries_.empty()) {
    throw InputError(
        {.what = "there is no model and no run",
         .where = "PATH",
         .value = path.string(),
         .allowed = "a run directory, a model file, the name of a pretrained model, or a folder of those"});
  }
}

std::string Catalogue::name_for(const fs::path& path) {
  if (const auto known = names_.find(path); known != names_.end()) return known->second;
  auto base = fs::path(path).has_filename() ? path : path.parent_path();
  const auto plain = printable(is_model_file(base) ? base.stem().string() : base.filename().string());
  std::set<std::string> taken;
  for (const auto& [other, name] : names_) taken.insert(name);
  auto name = plain;
  for (int64_t number = 2; taken.contains(name); ++number) name = text(plain, "-", number);
  names_.emplace(path, name);
  return name;
}

void Catalogue::add(const fs::path& path) {
  if (entries_.size() >= kMostEntries) return;
  const bool run = report::is_run_directory(path);
  const bool is_model = run ? has_checkpoints(path) : is_model_file(path) || train::is_checkpoint(path);
  if (run || is_model) entries_[name_for(path)] = {.path = path, .is_run = run, .is_model = is_model};
}

void Catalogue::add_folder(const fs::path& folder, bool deeper) {
  std::vector<fs::path> children;
  std::error_code failure;
  for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    if (!entry->path().filename().string().starts_with('.')) children.push_back(entry->path());
    if (children.size() >= kMostEntries) break;
  }
  std::sort(children.begin(), children.end());
  for (const auto& child : children) {
    std::error_code ignored;
    if (report::is_run_directory(child) || is_model_file(child)) {
      add(child);
    } else if (deeper && fs::is_directory(child, ignored) && !train::is_checkpoint(child)) {
      add_folder(child, /*deeper=*/false);
    }
  }
}

void Catalogue::scan() {
  entries_.clear();
  std::error_code ignored;
  if (report::is_run_directory(root_) || !fs::is_directory(root_, ignored) || train::is_checkpoint(root_)) {
    add(root_);
  } else {
    add_folder(root_, /*deeper=*/true);
  }
  scanned_ = std::chrono::steady_clock::now();
}

void Catalogue::scan_if_due() {
  if (std::chrono::steady_clock::now() - scanned_ > std::chrono::seconds(1)) scan();
}

std::shared_ptr<const ServedModel> Catalogue::in_memory(const std::string& name, const std::string& stamp) {
  const std::lock_guard lock(guard_);
  const auto found = std::find_if(loaded_.begin(), loaded_.end(), [&](const Loaded& one) { return one.name == name; });
  if (found == loaded_.end()) return nullptr;
  if (found->stamp != stamp) {
    loaded_.erase(found);
    return nullptr;
  }
  loaded_.splice(loaded_.begin(), loaded_, found);
  return loaded_.front().model;
}

std::shared_ptr<const ServedModel> Catalogue::model(const std::string& name) {
  fs::path path;
  {
    const std::lock_guard lock(guard_);
    auto found = entries_.find(name);
    if (found == entries_.end()) {
      scan_if_due();
      found = entries_.find(name);
    }
    if (found == entries_.end() || !found->second.is_model) return nullptr;
    path = found->second.path;
  }
  const auto stamp = stamp_of(path);
  if (auto model = in_memory(name, stamp)) return model;
  const std::lock_guard loading(loading_);
  if (auto model = in_memory(name, stamp)) return model;
  auto model = load_served_model(name, path, options_.device, options_.log);
  const std::lock_guard lock(guard_);
  loaded_.push_front({name, stamp, model});
  while (static_cast<int64_t>(loaded_.size()) > options_.max_models) loaded_.pop_back();
  return model;
}

std::optional<fs::path> Catalogue::run(const std::string& name) {
  const std::lock_guard lock(guard_);
  auto found = entries_.find(name);
  if (found == entries_.end()) {
    scan_if_due();
    found = entries_.find(name);
  }
  if (found == entries_.end() || !found->second.is_run) return std::nullopt;
  return found->second.path;
}

nlohmann::ordered_json Catalogue::models() {
  std::map<std::string, Entry> entries;
  {
    const std::lock_guard lock(guard_);
    scan_if_due();
    entries = entries_;
  }
  auto out = nlohmann::ordered_json::array();
  for (const auto& [name, entry] : entries) {
    if (!entry.is_model) continue;
    const auto stamp = stamp_of(entry.path);
    nlohmann::ordered_json summary;
    {
      const std::lock_guard lock(guard_);
      if (const auto known = summaries_.find(name); known != summaries_.end() && known->second.first == stamp)
        summary = known->second.second;
    }
    if (summary.is_null()) {
      summary = model_summary(entry.path);
      const std::lock_guard lock(guard_);
      summaries_[name] = {stamp, summary};
    }
    nlohmann::ordered_json item{{"name", name}, {"kind", entry.is_run ? "run" : "file"}};
    item.update(summary);
    out.push_back(item);
  }
  return out;
}

std::vector<std::string> Catalogue::run_names() {
  const std::lock_guard lock(guard_);
  scan_if_due();
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) {
    if (entry.is_run) out.push_back(name);
  }
  return out;
}

std::vector<std::string> Catalogue::model_names() {
  const std::lock_guard lock(guard_);
  scan_if_due();
  std::vector<std::string> out;
  for (const auto& [name, entry] : entries_) {
    if (entry.is_model) out.push_back(name);
  }
  return out;
}

int64_t Catalogue::loaded() const {
  const std::lock_guard lock(guard_);
  return static_cast<int64_t>(loaded_.size());
}

}  // namespace monge::serve
