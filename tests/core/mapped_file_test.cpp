#include "monge/core/mapped_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

constexpr size_t kPages = 16;

size_t page() { return static_cast<size_t>(::sysconf(_SC_PAGESIZE)); }

fs::path write_pages(const fs::path& path) {
  real_files().replace(path, std::string(kPages * page(), 'a'));
  return path;
}

TEST(MappedFile, ThatIsCutIsAnErrorAndNoSignal) {
  const ScratchFolder folder;
  const MappedFile file(write_pages(folder / "a.npy"));
  EXPECT_EQ(file.bytes().back(), 'a');
  file.require_whole();
  fs::resize_file(folder / "a.npy", page());
  EXPECT_EQ(file.bytes()[0], 'a') << "what is left can be read";
  float lost = 0;
  std::memcpy(&lost, file.bytes().data() + 3 * page() + 8, sizeof lost);
  EXPECT_TRUE(std::isnan(lost)) << "it is not taken for a number";
  EXPECT_EQ(file.bytes().back(), 0);
  EXPECT_THAT(message_of([&] { file.require_whole(); }), AllOf(HasSubstr("a.npy"), HasSubstr("has become shorter")));
  EXPECT_THAT(message_of([&] { require_whole_mapping(file.bytes().data() + 5); }), HasSubstr("has become shorter"));
  int elsewhere = 0;
  require_whole_mapping(&elsewhere);
}

// The system gives zeros for the rest of a page, without a signal.
TEST(MappedFile, ThatLosesAPartOfItsLastPageIsAnError) {
  const ScratchFolder folder;
  const MappedFile file(write_pages(folder / "a.npy"));
  fs::resize_file(folder / "a.npy", kPages * page() - 1);
  EXPECT_EQ(file.bytes().back(), 0);
  EXPECT_THAT(message_of([&] { file.require_whole(); }), HasSubstr("has become shorter"));
}

TEST(MappedFile, ThatWasCutForATimeIsAnErrorIfItWasUsedThen) {
  const ScratchFolder folder;
  const MappedFile file(write_pages(folder / "a.npy")), other(write_pages(folder / "b.npy"));
  fs::resize_file(folder / "a.npy", 0);
  EXPECT_NE(file.bytes()[2 * page()], 'a');
  fs::resize_file(folder / "a.npy", kPages * page());
  EXPECT_THAT(message_of([&] { file.require_whole(); }), AllOf(HasSubstr("a.npy"), HasSubstr("could not be read")));
  EXPECT_EQ(other.bytes().back(), 'a');
  other.require_whole();
}

TEST(MappedFile, ThatGrowsIsNone) {
  const ScratchFolder folder;
  const MappedFile file(write_pages(folder / "a.npy"));
  fs::resize_file(folder / "a.npy", 2 * kPages * page());
  EXPECT_EQ(file.bytes().size(), kPages * page());
  file.require_whole();
}

TEST(MappedFile, ChecksWhatWasMadeOfItsBytes) {
  const ScratchFolder folder;
  const auto path = write_pages(folder / "a.npy");
  EXPECT_EQ(MappedFile(path).used_by([](std::string_view bytes) { return bytes.size(); }), kPages * page());
  EXPECT_THAT(message_of([&] {
                MappedFile(path).used_by([&](std::string_view bytes) {
                  fs::resize_file(path, 0);
                  return bytes.front();
                });
              }),
              HasSubstr("has become shorter"));
  write_pages(path);
  EXPECT_THAT(message_of([&] {
                MappedFile(path).used_by([&](std::string_view) -> int {
                  fs::resize_file(path, 0);
                  throw InputError("not a number");
                });
              }),
              HasSubstr("has become shorter"))
      << "the reason, and not what followed from it";
  write_pages(path);
  EXPECT_THAT(
      message_of([&] { MappedFile(path).used_by([](std::string_view) -> int { throw InputError("not a number"); }); }),
      HasSubstr("not a number"));
}

TEST(MappedFile, ManyThreadsMayUseFilesThatAreCut) {
  const ScratchFolder folder;
  std::vector<std::jthread> pool;
  std::atomic<int64_t> errors{0};
  for (int t = 0; t < 8; ++t) {
    pool.emplace_back([&, t] {
      const auto path = folder / ("file" + std::to_string(t));
      for (int k = 0; k < 20; ++k) {
        const MappedFile file(write_pages(path));
        int64_t sum = 0;
        fs::resize_file(path, static_cast<size_t>(k % 3) * page());
        for (const char c : file.bytes()) sum += c;
        try {
          require_whole_mapping(file.bytes().data());
        } catch (const InputError&) {
          errors += sum != 0 || k % 3 == 0;
        }
      }
    });
  }
  pool.clear();
  EXPECT_EQ(errors, 8 * 20);
}

TEST(MappedFile, TakesNoMemoryForWhatIsLost) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer takes memory for each page that is read";
#endif
  const ScratchFolder folder;
  constexpr size_t kBytes = size_t{1} << 28;
  write_pages(folder / "a.npy");
  fs::resize_file(folder / "a.npy", kBytes);
  const MappedFile file(folder / "a.npy");
  fs::resize_file(folder / "a.npy", 0);
  const auto anonymous = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("RssAnon:")) return std::stoll(line.substr(8));
    }
    return -1LL;
  };
  const auto before = anonymous();
  int64_t sum = 0;
  for (size_t at = 0; at < kBytes; at += page()) sum += file.bytes()[at];
  EXPECT_EQ(sum, -1) << "of the first page";
  EXPECT_LT(anonymous() - before, 8192) << "KiB";
}

// A signal of another cause is no business of the handler.
TEST(MappedFileDeathTest, OtherBusErrorsStillEndTheProcess) {
  const ScratchFolder folder;
  const MappedFile file(write_pages(folder / "a.npy"));
  EXPECT_EXIT(::raise(SIGBUS), ::testing::KilledBySignal(SIGBUS), "");
  const auto touch_lost = [&] {
    const int fd = ::open((folder / "a.npy").c_str(), O_RDWR);
    const auto* at = static_cast<const volatile char*>(::mmap(nullptr, page(), PROT_READ, MAP_SHARED, fd, 0));
    if (::ftruncate(fd, 0) != 0) return 0;
    return static_cast<int>(at[0]);
  };
  EXPECT_EXIT(touch_lost(), ::testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace monge
