#pragma once
// The environment as a body gives it, for a sandbox and for one command.

#include "core/sandbox_spec.h"
#include "json/reader.h"

namespace mayfly::api::native {

inline std::map<std::string, std::string> read_variables(json::Reader& reader) {
  auto all = reader.optional_string_map("env", 256, {.max = 32768}).value_or(std::map<std::string, std::string>());
  for (const auto& [name, text] : all) {
    if (!is_variable_name(name))
      reader.complain("env", "names of at least 1 byte, without = and NUL", json::describe(json::value(name)));
    // Never the value: it may be a secret.
    if (!is_variable_value(text))
      reader.complain("env", "values without NUL", "one in " + json::describe(json::value(name)));
  }
  return all;
}

}  // namespace mayfly::api::native
