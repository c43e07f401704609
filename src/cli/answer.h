#pragma once
// The server's answers as a client reads them: a member that is missing or null is simply empty, so that an older or a
// newer server is no reason to fail.

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "json/reader.h"

namespace mayfly::cli {

std::string text_at(const json::object& object, std::string_view key);   // numbers and booleans as text too
std::optional<double> number_at(const json::object& object, std::string_view key);
bool flag_at(const json::object& object, std::string_view key);
/// Empty when it is not there.
const json::object& object_at(const json::object& object, std::string_view key);
const json::array& array_at(const json::object& object, std::string_view key);
std::optional<WallTime> time_at(const json::object& object, std::string_view key);

/// "k=v, k=v", in the server's order.
std::string pairs_at(const json::object& object, std::string_view key);
std::string list_at(const json::object& object, std::string_view key);

WallTime wall_now();
/// "4m 02s ago", "in 2h 10m"; empty without a time.
std::string relative(const std::optional<WallTime>& time, WallTime now);
/// "2026-11-21 10:30:00Z"; empty without a time.
std::string plain(const std::optional<WallTime>& time);
/// "12.3 MiB"; empty without a number.
std::string bytes(const std::optional<double>& count);

}  // namespace mayfly::cli
