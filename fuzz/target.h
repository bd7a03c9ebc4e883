// What the fuzz targets share. Each is a file of this folder with one MONGE_FUZZ_TARGET. Two builds compile them:
// fuzz/CMakeLists.txt by clang with libFuzzer, one program a target, and tests/CMakeLists.txt, whose test_fuzz feeds
// the committed corpora to all of them.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "monge/core/error.h"

namespace monge::fuzz {

using Target = void (*)(std::string_view input);

/// The targets of this program by their names.
inline std::map<std::string, Target>& targets() {
  static std::map<std::string, Target> map;
  return map;
}

/// Ends the program unless `holds`: what a reader has accepted breaks its contract.
inline void expect(bool holds) {
  if (!holds) std::abort();
}

/// Runs `read` and gives whether it returned. It may throw monge::InputError; every other exception is a finding, and
/// so is a SystemError, because the input is at fault and not the system.
template <class Read>
bool accepted(const Read& read) {
  try {
    read();
    return true;
  } catch (const InputError& error) {
    expect(error.what()[0] != '\0');
    return false;
  }
}

/// Whether type, shape and bytes are equal, so that NaN equals NaN. Both are contiguous and on the CPU.
inline bool same_tensor(const torch::Tensor& a, const torch::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0);
}

/// A folder for the readers that take paths. It is made anew in each program and removed with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "monge-fuzz-XXXXXX").string();
    expect(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  /// The file `name` with these bytes.
  std::filesystem::path file(const std::string& name, std::string_view bytes) const {
    const auto path = path_ / name;
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    expect(out.flush().good());
    return path;
  }

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Cuts a part off the front of `input`: up to the first line feed, which belongs to neither.
inline std::string_view take_line(std::string_view& input) {
  const auto end = input.find('\n');
  const auto line = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return line;
}

}  // namespace monge::fuzz

#ifdef MONGE_LIBFUZZER
#define MONGE_FUZZ_ENTRY(name)                                                            \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {               \
    monge::fuzz::run_##name(std::string_view(reinterpret_cast<const char*>(data), size)); \
    return 0;                                                                             \
  }
#else
#define MONGE_FUZZ_ENTRY(name)
#endif

/// Defines the target `name`, a function of the std::string_view `input`.
#define MONGE_FUZZ_TARGET(name)                                                                       \
  namespace monge::fuzz {                                                                             \
  void run_##name(std::string_view input);                                                            \
  [[maybe_unused]] static const bool registered_##name = targets().emplace(#name, run_##name).second; \
  }                                                                                                   \
  MONGE_FUZZ_ENTRY(name)                                                                              \
  void monge::fuzz::run_##name(std::string_view input)
