#pragma once

#include "core/caller.h"
#include "json/reader.h"

namespace mayfly::api::native {

/// A member that is a role.
inline std::optional<Role> read_role(json::Reader& reader, std::string_view member) {
  const auto word = reader.optional_word(member, {"reader", "member", "admin"});
  return word ? parse_role(*word) : std::nullopt;
}

}  // namespace mayfly::api::native
