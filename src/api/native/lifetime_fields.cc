#include "api/native/lifetime_fields.h"

namespace mayfly::api::native {

namespace {

// A deadline further away than this is a mistake, and would not fit the arithmetic of extensions.
constexpr double longest_life = 10.0 * 366 * 86400;

// RFC 3339 has four digits for a year. The last one is left out: what is reckoned from an instant, on another clock or
// in another zone, must be written too.
constexpr WallTime first_instant = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
constexpr WallTime past_the_last = std::chrono::sys_days(std::chrono::year(9999) / 1 / 1);

void read_seconds(json::Reader& reader, std::string_view key, std::optional<Duration>& into) {
  if (!reader.has(key)) return;
  if (reader.is_null(key)) {
    reader.raw(key);
    into.reset();
  } else if (const auto value = reader.optional_number(key, {.min = 0.001, .max = longest_life})) {
    into = from_seconds(*value);
  }
}

void read_absolute(json::Reader& reader, LifetimePolicy& policy) {
  if (!reader.has("at")) return;
  if (reader.is_null("at")) policy.at.reset();
  else if (const auto at = read_instant(reader, "at")) policy.at = at;
}

void read_actions(json::Reader& reader, LifetimePolicy& policy) {
  const std::vector<std::string> words = {"delete", "stop", "pause"};
  const auto* given = reader.raw("on_expiry");
  if (!given) return;
  if (!given->is_object()) {
    if (const auto word = reader.optional_word("on_expiry", words)) policy.actions.fill(*parse_expiry_action(*word));
    return;
  }
  auto each = reader.nested("on_expiry");
  constexpr std::array clocks = {"max_age", "idle", "at"};
  for (std::size_t i = 0; i < clocks.size(); ++i)
    if (const auto word = each.optional_word(clocks[i], words)) policy.actions[i] = *parse_expiry_action(*word);
}

}  // namespace

std::optional<WallTime> read_instant(json::Reader& reader, std::string_view key) {
  const auto text = reader.optional_string(key, {.min = 1, .max = 64});
  if (!text) return std::nullopt;
  const auto time = parse_wall_time(*text);
  if (time && *time >= first_instant && *time < past_the_last) return *time;
  reader.complain(key,
                  time ? "a time from the years 0001 to 9998"
                       : "an RFC 3339 time with an offset, such as 2026-11-21T10:30:00Z",
                  "\"" + *text + "\"");
  return std::nullopt;
}

Error one_of_two(const std::string& one, const std::string& other, bool both, std::string reason) {
  const auto field = both ? FieldError{other, "left out where " + one + " is given", "both"}
                          : FieldError{one, "given, or " + other, "nothing"};
  return {Code::invalid, "give either " + one + " or " + other, std::move(reason), {field}};
}

void read_lifetime(json::Reader& reader, LifetimePolicy& policy) {
  read_seconds(reader, "max_age_seconds", policy.max_age);
  read_seconds(reader, "idle_seconds", policy.idle);
  read_seconds(reader, "limit_seconds", policy.limit);
  read_absolute(reader, policy);
  read_actions(reader, policy);
}

}  // namespace mayfly::api::native
