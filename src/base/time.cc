#include "base/time.h"

#include <cctype>
#include <cmath>
#include <cstdio>

namespace mayfly {

namespace {

constexpr double century_seconds = 100.0 * 366 * 86400;

std::string format_utc(std::int64_t us) {
  using namespace std::chrono;
  const auto instant = WallTime(Duration(us));
  const auto day = floor<days>(instant);
  const year_month_day date(day);
  const hh_mm_ss clock(instant - day);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", int(date.year()), unsigned(date.month()),
                unsigned(date.day()), int(clock.hours().count()), int(clock.minutes().count()),
                int(clock.seconds().count()), int(clock.subseconds().count()));
  return text;
}

/// Reads exactly `width` digits at `at` and moves on; nothing when they are not there.
std::optional<int> digits(std::string_view text, std::size_t& at, int width) {
  int value = 0;
  for (int i = 0; i < width; ++i, ++at) {
    if (at >= text.size() || !std::isdigit(static_cast<unsigned char>(text[at]))) return std::nullopt;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}

bool literal(std::string_view text, std::size_t& at, std::string_view allowed) {
  if (at >= text.size() || allowed.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

std::int64_t fraction(std::string_view text, std::size_t& at) {
  std::int64_t us = 0;
  int count = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at, ++count)
    if (count < 6) us = us * 10 + (text[at] - '0');
  for (; count < 6; ++count) us *= 10;
  return us;
}

}  // namespace

std::optional<Duration> from_seconds(double value) {
  if (!std::isfinite(value) || std::abs(value) > century_seconds) return std::nullopt;
  return Duration(std::llround(value * 1e6));
}

std::string format(Time t) { return format_utc(microseconds(t)); }
std::string format(WallTime t) { return format_utc(microseconds(t)); }

Result<WallTime> parse_wall_time(std::string_view text) {
  using namespace std::chrono;
  const auto bad = [&] {
    return fail(Code::invalid, "not an RFC 3339 time with an offset, such as 2026-11-21T10:30:00Z: \"" +
                                   std::string(text.substr(0, 64)) + "\"");
  };
  std::size_t at = 0;
  const auto y = digits(text, at, 4);
  if (!y || !literal(text, at, "-")) return bad();
  const auto mo = digits(text, at, 2);
  if (!mo || !literal(text, at, "-")) return bad();
  const auto d = digits(text, at, 2);
  if (!d || !literal(text, at, "Tt ")) return bad();
  const auto h = digits(text, at, 2);
  if (!h || !literal(text, at, ":")) return bad();
  const auto mi = digits(text, at, 2);
  if (!mi || !literal(text, at, ":")) return bad();
  const auto s = digits(text, at, 2);
  if (!s) return bad();
  std::int64_t us = 0;
  if (at < text.size() && text[at] == '.') {
    const auto start = ++at;
    us = fraction(text, at);
    if (at == start || at - start > 9) return bad();
  }
  minutes offset{0};
  if (!literal(text, at, "Zz")) {
    const bool minus = at < text.size() && text[at] == '-';
    if (!literal(text, at, "+-")) return bad();
    const auto oh = digits(text, at, 2);
    if (!oh || !literal(text, at, ":")) return bad();
    const auto om = digits(text, at, 2);
    if (!om || *oh > 23 || *om > 59) return bad();
    offset = hours(*oh) + minutes(*om);
    if (minus) offset = -offset;
  }
  const year_month_day date{year(*y), month(unsigned(*mo)), day(unsigned(*d))};
  if (at != text.size() || !date.ok() || *h > 23 || *mi > 59 || *s > 60) return bad();
  const auto second = sys_days(date) + hours(*h) + minutes(*mi) + std::chrono::seconds(*s) - offset;
  const WallTime at_utc = WallTime(second) + Duration(us);
  // An offset or a leap second can lead out of the years that four digits tell: such an instant could not be written.
  if (at_utc < sys_days(year(0) / 1 / 1) || at_utc >= sys_days(year(10'000) / 1 / 1)) return bad();
  return at_utc;
}

std::string human(Duration d) {
  char text[48];
  const double s = seconds(d < Duration::zero() ? -d : d);
  const char* sign = d < Duration::zero() ? "-" : "";
  // What would round to 1000 ms is a second.
  if (s < 0.9995) std::snprintf(text, sizeof text, "%s%.3gms", sign, s * 1e3);
  else if (s < 60) std::snprintf(text, sizeof text, "%s%.3gs", sign, s);
  else if (s < 3600) std::snprintf(text, sizeof text, "%s%dm %02ds", sign, int(s) / 60, int(s) % 60);
  else if (s < 86400) std::snprintf(text, sizeof text, "%s%dh %02dm", sign, int(s) / 3600, int(s) / 60 % 60);
  else std::snprintf(text, sizeof text, "%s%dd %02dh", sign, int(s / 86400), int(s / 3600) % 24);
  return text;
}

}  // namespace mayfly
