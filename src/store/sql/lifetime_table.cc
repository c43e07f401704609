#include "store/sql/lifetime_table.h"

#include <algorithm>
#include <charconv>

#include "store/rules.h"
#include "store/sql/columns.h"

namespace mayfly::sql {

namespace {

/// All but wake_at, the only one in an index: naming it in an UPDATE would write the index even if it stays the same.
constexpr std::string_view plain_columns =
    "state, generation, max_age, idle, absolute_wall, life_limit, max_age_action, idle_action, absolute_action,"
    " born_at, max_at, limit_at, keep_until, active_at, active_by, halted_at, retention, expires_at, warn";

/// Microseconds, one after the other; hardly any has more than two.
std::string warnings_text(const std::vector<Duration>& warn) {
  std::string text;
  for (const auto lead : warn) text += (text.empty() ? "" : " ") + std::to_string(lead.count());
  return text;
}

std::vector<Duration> warnings_in(std::string_view text) {
  std::vector<Duration> warn;
  while (!text.empty()) {
    std::int64_t lead = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), lead);
    if (error != std::errc()) break;
    warn.emplace_back(lead);
    text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return warn;
}

std::vector<Parameter> plain_values(const Lifetime& life) {
  const auto& policy = life.policy;
  return {life.id,           name(life.state),         life.generation,         policy.max_age,
          policy.idle,       policy.at,                policy.limit,            name(policy.actions[0]),
          name(policy.actions[1]), name(policy.actions[2]), life.born_at,       life.max_at,
          life.limit_at,     life.keep_until,          life.active_at,          name(life.active_by),
          life.halted_at,    life.retention,           life.expires_at,        warnings_text(policy.warn)};
}

const std::string select = "SELECT " + std::string(lifetime_columns) + " FROM lifetime l";

}  // namespace

Lifetime read_lifetime(Row& row) {
  Lifetime life;
  life.id = row.id<ResourceId>();
  life.state = row.word(parse_state);
  life.generation = row.small();
  life.policy.max_age = row.optional_duration();
  life.policy.idle = row.optional_duration();
  life.policy.at = row.optional_wall_time();
  life.policy.limit = row.optional_duration();
  for (auto& action : life.policy.actions) action = row.word(parse_expiry_action);
  life.born_at = row.time();
  life.max_at = row.optional_time();
  life.limit_at = row.optional_time();
  life.keep_until = row.optional_time();
  life.active_at = row.time();
  life.active_by = row.word(parse_activity);
  life.halted_at = row.optional_time();
  life.retention = row.optional_duration();
  life.expires_at = row.optional_time();
  life.wake_at = row.optional_time();
  life.policy.warn = warnings_in(row.text());
  return life;
}

Status SqlLifetimeTable::insert(const Lifetime& lifetime) {
  static const auto text = insert_text("lifetime", std::string(plain_columns) + ", wake_at");
  auto values = plain_values(lifetime);
  values.push_back(lifetime.wake_at);
  if (TRY(database_.exec(text, values)) == 0) return tl::unexpected(rules::id_taken(lifetime.id.text));
  return {};
}

Result<Lifetime> SqlLifetimeTable::get(const ResourceId& id) {
  static const auto text = select + " WHERE l.id = $1";
  auto found = TRY(database_.first(text, {id}, read_lifetime));
  if (!found) return tl::unexpected(rules::missing("lifetime of", id.text));
  return std::move(*found);
}

Status SqlLifetimeTable::update(const Lifetime& lifetime) {
  static const auto text = update_text("lifetime", plain_columns);
  const auto changed = TRY(database_.exec(text, plain_values(lifetime)));
  CHECK(changed == 1);
  TRY(database_.exec(R"(
      UPDATE lifetime
      SET wake_at = $2
      WHERE id = $1
      AND wake_at IS DISTINCT FROM $2)",
                     {lifetime.id, lifetime.wake_at}));
  return {};
}

Status SqlLifetimeTable::put(const Lifetime& lifetime) {
  if (TRY(database_.any("SELECT 1 FROM lifetime WHERE id = $1", {lifetime.id}))) return update(lifetime);
  return insert(lifetime);
}

Result<std::vector<Lifetime>> SqlLifetimeTable::waking(Time until, std::size_t limit) {
  static const auto text = select + R"(
      WHERE l.wake_at <= $1
      ORDER BY l.wake_at, l.id
      LIMIT $2)";
  return database_.all(text, {until, limit}, read_lifetime);
}

Result<std::optional<Time>> SqlLifetimeTable::waking_after(Time at) {
  return database_.first_time(R"(
      SELECT wake_at
      FROM lifetime
      WHERE wake_at > $1
      ORDER BY wake_at
      LIMIT 1)",
                              {at});
}

Result<std::vector<Lifetime>> SqlLifetimeTable::with_absolute(const std::string& after, std::size_t limit) {
  // No index for this: the whole table is walked, page by page, when the wall clock was set, and then only.
  static const auto text = select + R"(
      WHERE l.id > $1
      AND l.absolute_wall IS NOT NULL
      AND l.state NOT IN ('deleting', 'gone')
      ORDER BY l.id
      LIMIT $2)";
  return database_.all(text, {after, limit}, read_lifetime);
}

}  // namespace mayfly::sql
