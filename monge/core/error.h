// The errors of monge: what went wrong, where, with which value, what is allowed, and how to mend it.
#pragma once

#include <concepts>
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

/// The parts of an error message. The message leaves out the empty ones.
///
///     what [where: value] (allowed: ...); fix
struct Complaint {
  std::string what;          ///< the fault in one clause, without a full stop
  std::string where = {};    ///< file, recipe key, tensor name
  std::string value = {};    ///< the offending value as the user wrote it
  std::string allowed = {};  ///< legal values or range
  std::string fix = {};      ///< what to do, preferably a command or a key
};

/// The base of all errors of monge. Catch it to clean up or to report any failure. Catch InputError to continue where
/// one of several inputs cannot be used. The library never prints or exits.
class Error : public std::runtime_error {
 public:
  const Complaint& complaint() const { return complaint_; }

 protected:
  explicit Error(const std::string& what) : std::runtime_error(what), complaint_{what} {}
  explicit Error(const Complaint& complaint);

 private:
  Complaint complaint_;
};

/// The user's input cannot be used: a file, an option, a value. The library throws this type, and no other, for
/// mistakes of its user (exit code 2).
///
///     throw InputError({.what = "no such column", .where = path, .value = name, .allowed = "a, b", .fix = "..."});
///     throw InputError(text(path, ": no such column: ", name));
///
/// The constructor for text is a template, so that braces always construct a Complaint.
class InputError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit InputError(const Text& what) : Error(std::string(what)) {}
  explicit InputError(const Complaint& complaint) : Error(complaint) {}
};

/// The system failed: a full disk, a failed write. It is not the user's mistake (exit code 1).
class SystemError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit SystemError(const Text& what) : Error(std::string(what)) {}
  explicit SystemError(const Complaint& complaint) : Error(complaint) {}
};

/// A value of the training is not finite. The message names the step, which was not taken (exit code 4).
class DivergedError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit DivergedError(const Text& what) : Error(std::string(what)) {}
  explicit DivergedError(const Complaint& complaint) : Error(complaint) {}
};

/// Throws an InputError that joins the further arguments, unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw InputError(text(parts...));
}

}  // namespace monge
