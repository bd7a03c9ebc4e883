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

/// The base of all errors of monge. Catch it to clean up or to report whatever happened; catch InputError to go on
/// where one input of several cannot be used. The library never prints or exits.
class Error : public std::runtime_error {
 public:
  const Complaint& complaint() const { return complaint_; }

 protected:
  explicit Error(const std::string& what) : std::runtime_error(what), complaint_{what} {}
  explicit Error(const Complaint& complaint);

 private:
  Complaint complaint_;
};

/// The user's input cannot be used: a file, an option, a value. The library throws this and nothing else for mistakes
/// of its user (exit code 2).
///
///     throw InputError({.what = "no such column", .where = path, .value = name, .allowed = "a, b", .fix = "..."});
///     throw InputError(text(path, ": no such column: ", name));
///
/// The texts are taken by templates so that braces always mean a Complaint.
class InputError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit InputError(const Text& what) : Error(std::string(what)) {}
  explicit InputError(const Complaint& complaint) : Error(complaint) {}
};

/// The system failed us: a full disk, a failed write. Not the user's mistake (exit code 1).
class SystemError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit SystemError(const Text& what) : Error(std::string(what)) {}
  explicit SystemError(const Complaint& complaint) : Error(complaint) {}
};

/// The training left the finite numbers; names the step, which was not taken (exit code 4).
class DivergedError : public Error {
 public:
  template <std::convertible_to<std::string> Text>
  explicit DivergedError(const Text& what) : Error(std::string(what)) {}
  explicit DivergedError(const Complaint& complaint) : Error(complaint) {}
};

/// The short form: throws InputError made from the further arguments unless `condition` holds.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) throw InputError(text(parts...));
}

}  // namespace monge
