// Damaged files against the libraries of their formats: what both read must be equal.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/io/npz.h"
#include "monge/io/safetensors.h"
#include "monge/io/tensor_file.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::ScratchFolder;
namespace fs = std::filesystem;

/// Whether monge reads the file, and then as `expected` has it.
bool reads_alike(const fs::path& file, const fs::path& expected) {
  const auto kind = file.extension();
  if (kind == ".npy") {
    const auto array = read_npy(file), other = read_npy(expected);
    EXPECT_EQ(array.scalar_type(), other.scalar_type());
    EXPECT_EQ(array.sizes(), other.sizes());
    EXPECT_EQ(bytes_of(array), bytes_of(other));
  } else if (kind == ".safetensors") {
    const auto content = read_safetensors(file);
    const auto names = npz_names(expected);
    EXPECT_EQ(content.tensors.size(), names.size());
    for (const auto& [name, tensor] : content.tensors) {
      const auto other = read_npz(expected, name);
      EXPECT_EQ(tensor.scalar_type(), other.scalar_type()) << name;
      EXPECT_EQ(tensor.sizes(), other.sizes()) << name;
      EXPECT_EQ(bytes_of(tensor), bytes_of(other)) << name;
    }
  } else if (kind == ".zip" || kind == ".tar" || kind == ".7z") {
    std::map<std::string, std::string> entries;
    for (const auto& entry : read_archive(file)) entries.emplace(entry.name, entry.bytes);
    auto names = npz_names(expected);
    EXPECT_EQ(entries.size(), names.size());
    for (const auto& name : names) EXPECT_EQ(entries[name], bytes_of(read_npz(expected, name))) << name;
  } else {
    EXPECT_TRUE(torch::equal(to_rgb(read_image(file)), read_npy(expected)));
  }
  return true;
}

/// A message without its file, and with N for its numbers.
std::string reason_of(std::string message, const fs::path& file) {
  const auto at = message.find(file.string());
  if (at != std::string::npos) message.erase(at, file.string().size());
  std::string out;
  for (const char c : message) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    if (digit && !out.ends_with('N')) out += 'N';
  }
  return out;
}

// MONGE_DIFFERENTIAL_ROUNDS files of each kind (by default 150).
TEST(DamagedFiles, PythonReadsTheSameOfThem) {
  const ScratchFolder scratch;
  const char* named = std::getenv("PEER_PYTHON");
  const char* rounds = std::getenv("MONGE_DIFFERENTIAL_ROUNDS");
  const auto output = (scratch / "output").string();
  const int status = std::system((std::string(named ? named : "python3") +
                                  " " MONGE_SOURCE_DIR "/tests/fuzz/python_damages_files.py " +
                                  scratch.path().string() + " " + (rounds ? rounds : "150") + " > " + output + " 2>&1")
                                     .c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 77 || code == 127) {
    GTEST_SKIP() << "needs a Python with numpy and Pillow, named by PEER_PYTHON: " << real_files().read(output);
  }
  ASSERT_EQ(code, 0) << real_files().read(output);
  std::map<std::string, int> both, python_alone, files;
  std::map<std::string, std::map<std::string, std::vector<std::string>>> reasons;
  for (const auto& entry : fs::directory_iterator(scratch.path())) {
    const auto& expected = entry.path();
    ++files[expected.extension().string()];
    if (expected.extension() != ".expected") continue;
    const auto file = expected.parent_path() / expected.stem();
    SCOPED_TRACE(file.filename().string());
    const auto kind = file.extension().string();
    try {
      if (reads_alike(file, expected)) ++both[kind];
    } catch (const InputError& error) {
      ++python_alone[kind];  // stricter: it may refuse what Python reads, see fuzz/README.md
      reasons[kind][reason_of(error.what(), file)].push_back(file.filename().string());
    }
    if (HasFailure()) {
      fs::copy_file(file, fs::temp_directory_path() / file.filename(), fs::copy_options::overwrite_existing);
      FAIL() << "kept as " << (fs::temp_directory_path() / file.filename());
    }
  }
  for (const char* kind : {".npy", ".zip", ".tar", ".png", ".safetensors", ".7z"}) {
    const std::string name = kind;
    if (files[name] == 0 && (name == ".safetensors" || name == ".7z")) {
      std::printf("%s: this Python lacks the package\n", kind);
      continue;
    }
    EXPECT_GT(both[kind], 0) << kind;
    RecordProperty(std::string("both") + kind, both[kind]);
    RecordProperty(std::string("python_alone") + kind, python_alone[kind]);
    std::printf("%s: both read %d alike, Python alone %d\n", kind, both[kind], python_alone[kind]);
    for (const auto& [reason, refused] : reasons[name])
      std::printf("  %zu, such as %s: %s\n", refused.size(), refused.front().c_str(), reason.c_str());
  }
}

}  // namespace
}  // namespace monge::io
