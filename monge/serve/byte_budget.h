// A bound on memory that many requests share.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace monge::serve {

/// Counts bytes up to a bound. Thread-safe.
class ByteBudget {
 public:
  explicit ByteBudget(int64_t most) : most_(most) {}

  /// The bytes that one request holds, given back when it is destroyed. Movable. Not thread-safe.
  class Hold {
   public:
    Hold() = default;
    explicit Hold(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
    Hold(Hold&& other) noexcept : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this == &other) return *this;
      release();
      budget_ = std::move(other.budget_);
      bytes_ = std::exchange(other.bytes_, 0);
      return *this;
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() { release(); }

    /// Holds further bytes. @return false, with nothing changed, if the bound does not allow them.
    bool add(int64_t bytes) {
      if (!budget_) return true;
      if (budget_->used_.fetch_add(bytes) + bytes > budget_->most_) {
        budget_->used_ -= bytes;
        return false;
      }
      bytes_ += bytes;
      return true;
    }

    void release() {
      if (budget_) budget_->used_ -= std::exchange(bytes_, 0);
    }

   private:
    std::shared_ptr<ByteBudget> budget_;
    int64_t bytes_ = 0;
  };

  int64_t used() const { return used_; }

 private:
  const int64_t most_;
  std::atomic<int64_t> used_{0};
};

}  // namespace monge::serve
