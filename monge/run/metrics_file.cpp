#include "monge/run/metrics_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/files.h"
#include "monge/io/image.h"
#include "monge/train/recipe_changes.h"
#include "monge/train/trainer.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr double kFlushSeconds = 2;

/// Text as a block of code in Markdown.
std::string as_code(const std::string& text) {
  std::string out = "    ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

/// The options by which people compare runs: those that are often changed, and those that differ from the defaults.
std::vector<EventFile::Setting> settings_of(train::Recipe recipe) {
  static constexpr std::string_view kAlways[] = {
      "method",      "map.net",   "map.width",    "potential.net", "potential.width",   "train.iterations",
      "train.batch", "train.k_t", "train.lr_map", "train.seed",    "train.lr_potential"};
  std::vector<EventFile::Setting> out;
  const auto changes = train::changes_from_defaults(recipe);
  const OptionTable table = recipe.options();
  for (const auto& option : table.options()) {
    const bool changed = std::any_of(changes.begin(), changes.end(),
                                     [&](const train::RecipeChange& change) { return change.key == option.key; });
    if (!changed && std::find(std::begin(kAlways), std::end(kAlways), option.key) == std::end(kAlways)) continue;
    if (const auto* const* flag = std::get_if<bool*>(&option.field)) {
      out.emplace_back(option.key, **flag);
    } else if (const auto* const* whole = std::get_if<int64_t*>(&option.field)) {
      out.emplace_back(option.key, static_cast<double>(**whole));
    } else if (const auto* const* number = std::get_if<double*>(&option.field)) {
      out.emplace_back(option.key, **number);
    } else if (const auto* const* word = std::get_if<std::string*>(&option.field)) {
      out.emplace_back(option.key, **word);
    } else {
      out.emplace_back(option.key, OptionTable::to_toml(option));
    }
  }
  return out;
}

}  // namespace

KeptLines lines_until(int64_t iteration, const std::string& jsonl, bool evaluated) {
  KeptLines out;
  std::istringstream in(jsonl);
  int64_t number = 0, last = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    const auto parsed = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto at = parsed.is_object() ? parsed.find("iteration") : parsed.end();
    if (!parsed.is_object() || at == parsed.end() || !at->is_number()) {
      // A torn line after the last kept line belongs to an iteration that will be repeated.
      if (last < iteration && line.find_first_not_of(" \t\r") != std::string::npos && out.damaged++ == 0)
        out.first_damaged = number;
      continue;
    }
    last = at->get<int64_t>();
    if (last > iteration || (last == iteration && !evaluated && parsed.contains("eval"))) continue;
    const auto seconds = parsed.find("seconds");
    if (seconds != parsed.end() && seconds->is_number()) out.seconds = seconds->get<double>();
    out.lines += line + "\n";
  }
  return out;
}

MetricsFile::MetricsFile(fs::path folder) : folder_(std::move(folder)) {}

MetricsFile::~MetricsFile() { flush(); }

double MetricsFile::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
}

void MetricsFile::started(train::Trainer& trainer, int64_t iteration) {
  began_ = flushed_ = std::chrono::steady_clock::now();
  log_ = trainer.log();
  events_ = std::make_unique<EventFile>(folder_ / "events.out.tfevents.monge");
  if (!events_->repaired().empty()) {
    trainer.log()(LogLevel::warning, events_->path().filename().string() + ": " + events_->repaired());
  }
  if (iteration > 0) events_->restart(iteration + 1);
  auto recipe = trainer.recipe();
  events_->add_text(iteration, "recipe", as_code(recipe.options().to_toml(false)));
  events_->add_settings(settings_of(recipe));
  const auto file = folder_ / "metrics.jsonl";
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return;
  const auto kept = lines_until(iteration, real_files().read(file), !trainer.evaluation_due());
  seconds_before_ = kept.seconds;
  if (kept.damaged > 0) {
    trainer.log()(LogLevel::warning,
                  text("metrics.jsonl: dropped ", kept.damaged, kept.damaged == 1 ? " line" : " lines",
                       " up to iteration ", iteration, " that could not be read (the first is line ",
                       kept.first_damaged, "); the disk was full, or the power failed"));
  }
  real_files().replace(file, kept.lines);
}

void MetricsFile::iteration_done(train::Trainer&, int64_t done, const solve::IterationMetrics& m) {
  NamedMetrics named{{"loss_map", m.loss_map},
                     {"cost", m.cost},
                     {"potential_fake", m.potential_fake},
                     {"loss_potential", m.loss_potential},
                     {"gradient_map", m.gradient_map},
                     {"gradient_potential", m.gradient_potential},
                     {"rate_map", m.rate_map},
                     {"rate_potential", m.rate_potential}};
  if (m.augmentation > 0) named.emplace_back("augmentation", m.augmentation);
  if (m.noise_level > 0) named.emplace_back("noise_level", m.noise_level);
  ordered_json line{{"iteration", done}, {"seconds", seconds()}};
  NamedMetrics tagged;
  for (const auto& [name, value] : named) {
    line[name] = value;  // a value that is not finite is written as null
    tagged.emplace_back("train/" + name, value);
  }
  record([&] { events_->add_scalars(done, tagged); });
  line["skipped"] = m.skipped;
  pending_ += line.dump() + "\n";
  if (std::chrono::duration<double>(std::chrono::steady_clock::now() - flushed_).count() > kFlushSeconds) flush();
}

void MetricsFile::add(int64_t iteration, const NamedMetrics& metrics, const std::string& verdict,
                      std::optional<bool> reaches_target) {
  ordered_json eval;
  NamedMetrics tagged;
  for (const auto& [name, value] : metrics) {
    eval[name] = value;
    tagged.emplace_back("eval/" + name, value);
  }
  record([&] {
    events_->add_scalars(iteration, tagged);
    events_->add_text(iteration, "verdict", "the map " + verdict);
  });
  ordered_json line{{"iteration", iteration}, {"seconds", seconds()}, {"eval", eval}, {"verdict", verdict}};
  if (reaches_target) line["reaches_target"] = *reaches_target;
  pending_ += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  flush();
}

void MetricsFile::flush() {
  constexpr size_t kMostPending = 64 << 20;
  if (pending_.empty()) return;
  flushed_ = std::chrono::steady_clock::now();
  try {
    real_files().append(folder_ / "metrics.jsonl", (torn_ ? "\n" : "") + pending_);
    pending_.clear();
    torn_ = false;
  } catch (const SystemError& error) {
    if (!torn_) warn("metrics.jsonl", error.what());
    torn_ = true;  // lines that are written twice count once, see parse_metrics
    if (pending_.size() > kMostPending) pending_.erase(0, pending_.find('\n', kMostPending / 2) + 1);
  }
}

void MetricsFile::make_durable() {
  flush();
  if (torn_) return;
  try {
    sync_file(folder_ / "metrics.jsonl");
    sync_failed_ = false;
  } catch (const SystemError& error) {
    if (!sync_failed_) warn("metrics.jsonl", error.what());
    sync_failed_ = true;
  }
}

/// Adds to the event file; what the disk refuses is missing there.
void MetricsFile::record(const std::function<void()>& add) {
  try {
    add();
    events_failed_ = false;
  } catch (const SystemError& error) {
    if (!events_failed_) warn("events for TensorBoard", error.what());
    events_failed_ = true;
  }
}

void MetricsFile::warn(const std::string& what, const std::string& reason) const {
  log_(LogLevel::warning, what + " cannot be written now, and the training continues: " + reason);
}

void MetricsFile::rolled_back(train::Trainer& trainer, const std::string& message) {
  flush();
  const auto done = trainer.done();
  record([&] {
    events_->restart(done + 1);
    events_->add_text(done, "rollback", message);
  });
  const auto file = folder_ / "metrics.jsonl";
  try {
    real_files().replace(file, lines_until(done, real_files().read(file)).lines);
  } catch (const Error& error) {
    warn("metrics.jsonl", error.what());  // readers drop what is repeated
  }
  const ordered_json line{{"iteration", done}, {"seconds", seconds()}, {"event", "rollback"}, {"message", message}};
  pending_ += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  flush();
}

void MetricsFile::saves_checkpoint(train::Trainer&) { make_durable(); }

void MetricsFile::add_image(int64_t iteration, const torch::Tensor& pixels) {
  const auto png = io::encode_image(pixels, "samples.png");
  record([&] { events_->add_image(iteration, "samples", png, pixels.size(0), pixels.size(1)); });
}

void MetricsFile::ended(train::Trainer&, int64_t, bool) { flush(); }

void MetricsFile::record_end(bool complete) {
  record([&] { events_->add_end(complete); });
}

}  // namespace monge::run
