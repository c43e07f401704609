#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly {

/// The candidate within two edits of `word`, or else one that holds it or is held by it, if there is any.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mayfly
