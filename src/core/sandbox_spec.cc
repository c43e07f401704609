#include "core/sandbox_spec.h"

namespace mayfly {

std::string_view name(NetworkAccess access) {
  switch (access) {
    case NetworkAccess::none: return "none";
    case NetworkAccess::outbound: return "outbound";
  }
  return "none";
}

std::optional<NetworkAccess> parse_network_access(std::string_view text) {
  for (const auto access : {NetworkAccess::none, NetworkAccess::outbound})
    if (name(access) == text) return access;
  return std::nullopt;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && name.find_first_of(std::string_view("=\0", 2)) == std::string_view::npos;
}

bool is_variable_value(std::string_view value) { return value.find('\0') == std::string_view::npos; }

}  // namespace mayfly
