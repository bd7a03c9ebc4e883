// The errors of monge: what went wrong, where, with which value, what is allowed, and how to mend it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace monge {

/// Joins its arguments with operator<<.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// The parts of a complaint; empty ones are left out of the message.
///
///     what [where: value] (allowed: ...); fix
struct Complaint {
  std::string what;          ///< the fault in one clause, without a full stop
  std::string where = {};    ///< file, recipe key, tensor name
  std::string value = {};    ///< the offending value as the user wrote it
  std::string allowed = {};  ///< legal values or range
  std::string fix = {};      ///< what to do, preferably a command or a key
};

/// The user's input cannot be used. The library throws this and nothing else for user errors; it never prints or exits.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& what) : std::runtime_error(what), complaint_{what} {}
  explicit Error(const Complaint& complaint);

  const Complaint& complaint() const { return complaint_; }

 private:
  Complaint complaint_;
};

/// The system failed us: a full disk, a failed write. Not the user's mistake (exit code 1).
class SystemError : public Error {
 public:
  using Error::Error;
};

/// The training left the finite numbers; names the step, which was not taken (exit code 4).
class DivergedError : public Error {
 public:
  using Error::Error;
};

/// Throws Error made from the further arguments unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw Error(text(parts...));
}

}  // namespace monge
