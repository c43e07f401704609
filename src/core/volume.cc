#include "core/volume.h"

#include <algorithm>

namespace mayfly {

Status check_volume_name(std::string_view name) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool shaped = !name.empty() && name.size() <= 63 && alnum(name.front()) && alnum(name.back()) &&
                      std::all_of(name.begin(), name.end(), [&](char c) { return alnum(c) || c == '-'; });
  if (shaped) return {};
  return tl::unexpected(Error{Code::invalid,
                              "a volume name has 1 to 63 lower-case letters, digits and hyphens, and begins and ends "
                              "with a letter or digit",
                              "name_invalid",
                              {{"name", "1 to 63 lower-case letters, digits and inner hyphens",
                                "\"" + std::string(name.substr(0, 80)) + "\""}}});
}

}  // namespace mayfly
