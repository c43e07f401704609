#pragma once
// Spans of time as people type them.

#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace mayfly::cli {

/// "90" and "90s", "500ms", "15m", "2h", "7d", "2w", "1h30m", "1.5h". Never negative, at most ten years.
Result<Duration> parse_duration(std::string_view text);

}  // namespace mayfly::cli
