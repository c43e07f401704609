#include <algorithm>

#include "store/memory/record_tables.h"

namespace mayfly::memory {

Result<std::optional<Remembered>> MemoryIdempotencyTable::find(const std::string& scope) {
  const auto* row = look_up(draft_.rows().idempotency, scope);
  return row ? std::optional(*row) : std::nullopt;
}

Status MemoryIdempotencyTable::put(const Remembered& row) {
  return draft_.put(&Rows::idempotency, row.once.scope, row);
}

Status MemoryIdempotencyTable::remove(const std::string& scope) { return draft_.erase(&Rows::idempotency, scope); }

Result<std::vector<std::string>> MemoryIdempotencyTable::older_than(Time before, std::size_t limit) {
  std::vector<std::pair<Time, std::string>> old;
  for (const auto& [scope, row] : draft_.rows().idempotency)
    if (row.at < before) old.emplace_back(row.at, scope);
  std::sort(old.begin(), old.end());
  if (old.size() > limit) old.resize(limit);
  std::vector<std::string> scopes;
  for (const auto& [at, scope] : old) scopes.push_back(scope);
  return scopes;
}

}  // namespace mayfly::memory
