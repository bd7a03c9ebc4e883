// What tests share: a scratch folder of their own, the shared fixtures, and comparisons that print the largest error.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <string>

namespace monge::testing {

/// A folder that exists for the life of the object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "monge-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// ../shared beside the checkout, or what MONGE_SHARED names.
inline std::filesystem::path shared_folder() {
  if (const char* named = std::getenv("MONGE_SHARED")) return named;
  return std::filesystem::path(MONGE_SOURCE_DIR).parent_path() / "shared";
}

/// The small goldens of the repository: tests/fixtures/README.md.
inline std::filesystem::path fixtures_folder() { return std::filesystem::path(MONGE_SOURCE_DIR) / "tests/fixtures"; }

/// max |a - b| / max |b| in double; infinite when shapes differ.
inline double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  const auto wide_a = a.detach().to(torch::kFloat64), wide_b = b.detach().to(torch::kFloat64);
  const double scale = wide_b.abs().max().item<double>();
  return (wide_a - wide_b).abs().max().item<double>() / std::max(scale, 1e-30);
}

/// Runs `action`, which must throw monge::Error, and gives its message.
template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

}  // namespace monge::testing

/// Skips the test, saying so, when the path under ../shared is absent.
#define MONGE_NEEDS_SHARED(relative)                                          \
  if (!std::filesystem::exists(monge::testing::shared_folder() / (relative))) \
  GTEST_SKIP() << "needs " << (monge::testing::shared_folder() / (relative)).string() << ", which is not here"
