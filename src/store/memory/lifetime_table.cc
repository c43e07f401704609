#include <algorithm>

#include "store/memory/resource_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

Result<Lifetime> MemoryLifetimeTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().lifetimes, id);
  if (!row) return tl::unexpected(rules::missing("lifetime of", id.text));
  return *row;
}

Status MemoryLifetimeTable::update(const Lifetime& lifetime) {
  CHECK(draft_.rows().lifetimes.contains(lifetime.id));
  return draft_.put(&Rows::lifetimes, lifetime.id, lifetime);
}

Status MemoryLifetimeTable::put(const Lifetime& lifetime) {
  return draft_.put(&Rows::lifetimes, lifetime.id, lifetime);
}

Result<std::vector<Lifetime>> MemoryLifetimeTable::waking(Time until, std::size_t limit) {
  std::vector<Lifetime> found;
  for (const auto& [id, row] : draft_.rows().lifetimes)
    if (row.wake_at && *row.wake_at <= until) found.push_back(row);
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.wake_at < b.wake_at; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

Result<std::optional<Time>> MemoryLifetimeTable::waking_after(Time at) {
  std::optional<Time> first;
  for (const auto& [id, row] : draft_.rows().lifetimes)
    if (row.wake_at && *row.wake_at > at && (!first || *row.wake_at < *first)) first = row.wake_at;
  return first;
}

Result<std::vector<Lifetime>> MemoryLifetimeTable::with_absolute(const std::string& after, std::size_t limit) {
  return following(
      draft_.rows().lifetimes, after, limit,
      [](const Lifetime& row) { return row.policy.at.has_value() && !rules::ended(row.state); },
      [](const Lifetime& row) { return row; });
}

}  // namespace mayfly::memory
