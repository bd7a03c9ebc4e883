// Work on files that is stopped at each of its operations and then repeated.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/support.h"

namespace monge::testing {

/// Every file below a folder with its content, or where it points if it is a link.
inline std::map<std::string, std::string> contents_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto name = entry.path().lexically_relative(folder).string();
    if (entry.is_symlink()) {
      out[name] = std::filesystem::read_symlink(entry.path()).string();
    } else if (entry.is_directory()) {
      out[name] = "folder";
    } else {
      std::ifstream in(entry.path(), std::ios::binary);
      out[name] = {std::istreambuf_iterator<char>(in), {}};
    }
  }
  return out;
}

/// Whether the refusals that differ in their messages alone are tried as well.
inline bool tests_all_faults() { return std::getenv("MONGE_ALL_FAULTS") != nullptr; }

/// Does it without faults, and without waiting for the disk, which would take most of the time.
inline void act_again(const ScratchFolder& scratch, const std::function<void()>& act) {
  std::filesystem::create_directory(scratch / "trash_again");
  FaultyFileSystem files(scratch / "trash_again");
  const ScopedFileSystem unsynchronised(files);
  act();
}

/// What is done in a folder, and what must hold whenever it ended.
struct WorkOnFiles {
  std::function<void(const std::filesystem::path&)> prepare, act;
  /// Whether a file is part of the result, and not of work in progress or a record with a date.
  std::function<bool(const std::string& name)> is_result;
  int64_t least_operations = 1;
};

/// Stops the work at every operation, with and without the loss of what was not synchronised, and refuses every
/// operation for each of some reasons. Each time: a result that is there is whole, the old one or the new one; an error
/// gives the system's reason; and the work, done again, ends as if it had not been disturbed and leaves nothing
/// besides.
inline void expect_sound_at_every_operation(const WorkOnFiles& work) {
  struct Disturbance {
    int reason;  ///< 0: a stop
    bool lasts;
    std::optional<FaultyFileSystem::Loss> loss = {};
  };
  const auto results = [&](const std::filesystem::path& folder) {
    auto out = contents_below(folder);
    std::erase_if(out, [&](const auto& entry) { return !work.is_result(entry.first); });
    return out;
  };
  const auto names = [](const std::filesystem::path& folder) {
    std::string out;
    for (const auto& [name, content] : contents_below(folder)) out += name + "\n";
    return out;
  };
  const ScratchFolder undisturbed;
  work.prepare(undisturbed.path());
  const auto before = results(undisturbed.path());
  work.act(undisturbed.path());
  const auto after = results(undisturbed.path());
  const auto names_after = names(undisturbed.path());
  ASSERT_FALSE(after.empty());

  std::vector<Disturbance> disturbances = {{0, true},
                                           {0, true, FaultyFileSystem::Loss::content},
                                           {0, true, FaultyFileSystem::Loss::content_and_names},
                                           {ENOSPC, false},
                                           {EROFS, true}};
  if (tests_all_faults()) disturbances.insert(disturbances.end(), {{EIO, false}, {EDQUOT, false}, {ESTALE, true}});
  for (const auto& [reason, lasts, loss] : disturbances) {
    for (int64_t at = 1;; ++at) {
      const ScratchFolder scratch;
      const auto folder = scratch / "work";
      std::filesystem::create_directory(folder), std::filesystem::create_directory(scratch / "trash");
      work.prepare(folder);
      FaultyFileSystem files(scratch / "trash");
      if (reason == 0) {
        files.stop_at(at);
      } else {
        lasts ? files.refuse_from(at, reason) : files.refuse(at, reason);
      }
      std::string thrown;
      {
        const ScopedFileSystem faulty(files);
        try {
          work.act(folder);
        } catch (const Error& error) {
          thrown = error.what();
        }
      }
      if (files.operations() < at) {
        EXPECT_GT(at, work.least_operations);
        break;
      }
      if (loss) files.lose(*loss);
      SCOPED_TRACE(text(reason == 0 ? "stop" : std::strerror(reason), " at ", at, ": ", files.refused(), ", loss ",
                        loss ? static_cast<int>(*loss) : -1, "; thrown: ", thrown));
      const auto there = results(folder);
      for (const auto& [name, content] : before) EXPECT_TRUE(content == "folder" || there.contains(name)) << name;
      for (const auto& [name, content] : there) {
        const auto old = before.find(name), made = after.find(name);
        EXPECT_TRUE((old != before.end() && content == old->second) || (made != after.end() && content == made->second))
            << name << " is neither the old nor the new, with " << content.size() << " bytes";
      }
      if (reason != 0 && !thrown.empty()) {
        EXPECT_NE(thrown.find(std::strerror(reason)), std::string::npos);
      } else if (reason != 0) {
        EXPECT_TRUE(there == after) << "failed in silence";
      }
      act_again(scratch, [&] { work.act(folder); });
      EXPECT_TRUE(results(folder) == after);
      EXPECT_EQ(names(folder), names_after);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace monge::testing
