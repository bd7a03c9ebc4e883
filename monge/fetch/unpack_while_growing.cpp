#include "monge/fetch/unpack_while_growing.h"

#include <vector>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/io/sha256.h"

namespace monge::fetch {

namespace fs = std::filesystem;

UnpackWhileGrowing::UnpackWhileGrowing(const fs::path& part, const fs::path& staging, std::string shown,
                                       const UnpackOptions& options)
    : file_(part, options.stop), staging_(staging), shown_(std::move(shown)), options_(options), thread_([this] {
        work();
      }) {}

UnpackWhileGrowing::~UnpackWhileGrowing() {
  file_.abandon();
  if (thread_.joinable()) thread_.join();
}

void UnpackWhileGrowing::now_holds(int64_t bytes) {
  file_.now_holds(bytes);
  if (failed_) std::rethrow_exception(failure_);
}

std::optional<Unpacked> UnpackWhileGrowing::finish(const std::string& sha256) {
  file_.finish();
  thread_.join();
  if (failed_) std::rethrow_exception(failure_);
  if (!unpacked_ || sha256_ != sha256) return {};
  return unpacked_;
}

void UnpackWhileGrowing::work() {
  try {
    for (;;) {
      remove_tree(staging_);
      make_folders(staging_);
      file_.rewind();
      try {
        io::Sha256 hash;
        const auto read = [&](char* to, size_t room) {
          const auto count = file_.read(to, room);
          hash.update({to, count});
          return count;
        };
        auto unpacked = unpack(read, shown_, staging_, options_);
        for (std::vector<char> rest(1 << 16);
             read(rest.data(), rest.size()) > 0;) {  // the bytes after the archive count for the hash
        }
        sha256_ = hash.digest();
        unpacked_ = std::move(unpacked);
        return;
      } catch (const GrowingFile::Restarted&) {
        unpacked_.reset();
      }
    }
  } catch (const InputError&) {  // unpacking the complete file shows whether the archive is at fault
  } catch (const GrowingFile::Abandoned&) {
    failure_ = std::make_exception_ptr(UnpackStopped{});
    failed_ = true;
  } catch (...) {
    failure_ = std::current_exception();
    failed_ = true;
  }
}

}  // namespace monge::fetch
