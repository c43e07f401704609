#include "core/record.h"

#include <algorithm>

namespace mayfly {

Status check_record_name(std::string_view name) {
  const bool plain = std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!name.empty() && name.size() <= longest_record_name && plain) return {};
  const std::string expected = "1 to 100 bytes without control characters";
  return tl::unexpected(Error{Code::invalid, "a name has " + expected, "name_invalid",
                              {{"name", expected, std::to_string(name.size()) + " bytes"}}});
}

}  // namespace mayfly
