#include "monge/train/best_link.h"

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/train/checkpoint_name.h"

namespace monge::train {

namespace fs = std::filesystem;

void link_best(const fs::path& run, const fs::path& name, const LogSink& log, const Files& files) {
  // Making the link under another name and renaming it keeps `best` pointing at a whole checkpoint at all times.
  const auto link = run / ".best.part";
  std::error_code failure;
  std::string reason;
  make_link(fs::path("checkpoints") / name, link, failure);
  if (!failure) {
    try {
      return files.publish(link, run / "best");
    } catch (const SystemError& error) {
      reason = error.what();
    }
  }
  std::error_code ignored;
  remove_entry(link, ignored);
  log(LogLevel::warning,
      text((run / "best").string(), ": cannot create this link (", reason.empty() ? failure.message() : reason,
           "); the best checkpoint is ", (run / "checkpoints" / name).string(), ", but it will be pruned"));
}

void renew_best_link(const fs::path& run, int64_t best_iteration, const LogSink& log, const Files& files) {
  std::error_code none;
  remove_entry(run / ".best.part", none);
  const auto name = checkpoint_name(best_iteration);
  if (fs::read_symlink(run / "best", none).filename() == name || !fs::exists(run / "checkpoints" / name, none)) return;
  link_best(run, name, log, files);
}

}  // namespace monge::train
