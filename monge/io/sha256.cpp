#include "monge/io/sha256.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;

void check_openssl(int status) {
  // It fails only without memory, or if a provider forbids SHA-256, which none does.
  if (status != 1) throw SystemError("OpenSSL cannot compute SHA-256 here");
}

}  // namespace

struct Sha256::Context {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(handle); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  check_openssl(context_->handle && EVP_DigestInit_ex(context_->handle, EVP_sha256(), nullptr));
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
  check_openssl(EVP_DigestUpdate(context_->handle, bytes.data(), bytes.size()));
}

std::string Sha256::digest() {
  unsigned char raw[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  check_openssl(EVP_DigestFinal_ex(context_->handle, raw, &size));
  check_openssl(EVP_DigestInit_ex(context_->handle, EVP_sha256(), nullptr));
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += "0123456789abcdef"[raw[i] >> 4];
    out += "0123456789abcdef"[raw[i] & 15];
  }
  return out;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

std::string sha256_of_file(const fs::path& path, const std::function<void(int64_t, int64_t)>& progress) {
  std::error_code failure;
  require(fs::exists(path, failure), path.string(), ": no such file");
  require(!fs::is_directory(path, failure), path.string(), ": is a folder, a file was expected");
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  require(static_cast<bool>(fd), path.string(), ": cannot be read: ", std::strerror(errno));

  const auto size = fs::file_size(path, failure);
  const int64_t total = failure ? 0 : static_cast<int64_t>(size);
  std::vector<char> block(1 << 20);
  Sha256 hash;
  for (int64_t done = 0;;) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(text(path.string(), ": cannot read: ", std::strerror(errno)));
    if (count == 0) return hash.digest();
    hash.update({block.data(), static_cast<size_t>(count)});
    done += count;
    if (progress) progress(done, total);
  }
}

}  // namespace monge::io
