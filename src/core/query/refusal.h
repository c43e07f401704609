#pragma once
// Why a question was not understood. Dialects put it into bodies of their own.

#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace mayfly::query {

struct Refusal {
  std::string code;                    // "unknown_field", "invalid_filter", ...
  std::string message;                 // where, what was expected there, what was found
  std::string param;                   // "filter"
  std::string path = {};               // of the trouble within it, as a JSON pointer
  std::string expected = {};
  std::string found = {};
  std::vector<std::string> allowed = {};
};

template <class T>
using Read = tl::expected<T, Refusal>;

}  // namespace mayfly::query
