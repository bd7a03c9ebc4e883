// A small fuzzer for the readers of this area: damages a valid file in many ways and requires Error or success.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "monge/core/error.h"

namespace monge::testing {

/// Calls `parse` on `rounds` damaged copies of `valid`: bytes changed, cut out, doubled, or the end missing. Anything
/// thrown but monge::Error fails the test; so do crashes and hangs, by their nature. Returns how many were refused.
template <class Parse>
int refuses_damage(const std::string& valid, int rounds, Parse&& parse) {
  std::mt19937_64 random(20260801);
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    auto bytes = valid;
    for (size_t change = 0; change <= below(4); ++change) {
      const size_t at = below(bytes.size());
      switch (below(6)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.erase(at, 1 + below(8));
          break;
        case 2:
          bytes.insert(at, bytes.substr(below(bytes.size() + 1), below(16)));
          break;
        case 3:
          bytes.replace(at, 1, 1, static_cast<char>("\x00\xff\x7f\x80"[below(4)]));
          break;
        default:
          bytes.replace(at, 1, 1, static_cast<char>(random()));
          break;
      }
    }
    try {
      parse(bytes);
    } catch (const Error&) {
      ++refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "round " << round << " threw something else than monge::Error: " << error.what();
    }
  }
  return refused;
}

}  // namespace monge::testing
