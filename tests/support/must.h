#pragma once
// Results in tests: the value or a failed test that says why not, and outcomes as words that tables can hold.

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/result.h"

namespace mayfly {

inline std::string said(const Error& error) { return std::string(name(error.code)) + ": " + error.message; }

/// The value. What follows in a test makes no sense without it, so trouble ends the program.
template <class T>
T must(Result<T> result) {
  if (!result) {
    ADD_FAILURE() << said(result.error());
    std::abort();
  }
  return std::move(*result);
}
inline void must(const Status& status) { EXPECT_TRUE(status) << said(status.error()); }

/// "fine", "conflict", or with a reason "conflict name_taken".
template <class T>
std::string outcome(const Result<T>& result) {
  if (result) return "fine";
  return std::string(name(result.error().code)) + (result.error().reason.empty() ? "" : " " + result.error().reason);
}

}  // namespace mayfly
