#include "cli/duration.h"

#include <array>
#include <charconv>
#include <optional>

namespace mayfly::cli {

namespace {

// The server takes no deadline further away; a longer one is a slip in the unit.
constexpr double longest = 10.0 * 366 * 86400;

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array units = {Unit{"ms", 0.001}, Unit{"s", 1},     Unit{"m", 60},
                              Unit{"h", 3600},   Unit{"d", 86400}, Unit{"w", 7 * 86400}};

std::string_view take(std::string_view& text, std::string_view wanted) {
  const auto end = std::min(text.find_first_not_of(wanted), text.size());
  const auto front = text.substr(0, end);
  text.remove_prefix(end);
  return front;
}

std::optional<double> number_in(std::string_view digits) {
  double value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? std::optional(value) : std::nullopt;
}

std::optional<double> seconds_per(std::string_view unit) {
  for (const auto& known : units)
    if (known.name == unit) return known.seconds;
  return std::nullopt;
}

std::optional<double> seconds_in(std::string_view text) {
  double sum = 0;
  bool first = true;
  for (auto rest = text; first || !rest.empty(); first = false) {
    const auto number = number_in(take(rest, "0123456789."));
    const auto unit = take(rest, "abcdefghijklmnopqrstuvwxyz");
    const bool bare = unit.empty() && first && rest.empty();
    const auto per = bare ? std::optional(1.0) : seconds_per(unit);
    if (!number || !per) return std::nullopt;
    sum += *number * *per;
  }
  return sum;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto sum = seconds_in(text);
  if (sum && *sum <= longest) return *from_seconds(*sum);
  return fail(Code::invalid, "expected a duration such as 90, 90s, 15m, 2h, 7d or 1h30m" +
                                 std::string(sum ? " of at most ten years" : "") + "; got \"" +
                                 std::string(text.substr(0, 40)) + "\"");
}

}  // namespace mayfly::cli
