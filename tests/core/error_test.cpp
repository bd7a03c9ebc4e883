#include "monge/core/error.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace monge {
namespace {

/// Which handler takes what `action` throws, in the order of a caller that skips bad input and cleans up otherwise.
template <class Action>
std::string handler_of(const Action& action) {
  try {
    action();
  } catch (const InputError& error) {
    return std::string("input: ") + error.what();
  } catch (const Error& error) {
    return std::string("other: ") + error.what();
  }
  return "none";
}

TEST(Error, SaysWhatWhereValueAllowedAndFix) {
  const InputError error(
      {.what = "is out of range", .where = "a.toml", .value = "7", .allowed = "1 to 3", .fix = "set 2"});
  EXPECT_STREQ(error.what(), "a.toml: is out of range, got 7 (allowed: 1 to 3); set 2");
  EXPECT_EQ(error.complaint().where, "a.toml");
}

TEST(Error, LeavesOutEmptyParts) {
  EXPECT_STREQ(InputError({.what = "is damaged"}).what(), "is damaged");
  EXPECT_STREQ(SystemError({.what = "cannot write", .fix = "free some space"}).what(), "cannot write; free some space");
}

TEST(Error, KindsAreSiblings) {
  EXPECT_EQ(handler_of([] { throw InputError("a"); }), "input: a");
  EXPECT_EQ(handler_of([] { throw SystemError("b"); }), "other: b");
  EXPECT_EQ(handler_of([] { throw DivergedError("c"); }), "other: c");
  EXPECT_FALSE((std::is_constructible_v<Error, std::string>)) << "each error is of a kind";
}

TEST(Error, RequireIsTheShortFormOfInputError) {
  EXPECT_EQ(handler_of([] { require(true, "not said"); }), "none");
  EXPECT_EQ(handler_of([] { require(false, "has ", 3, " sides"); }), "input: has 3 sides");
}

}  // namespace
}  // namespace monge
