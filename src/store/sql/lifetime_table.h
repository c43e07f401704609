#pragma once

#include "ports/tables.h"
#include "store/sql/database.h"

namespace mayfly::sql {

/// Of `lifetime l`, in the order that read_lifetime expects.
constexpr std::string_view lifetime_columns =
    "l.id, l.state, l.generation, l.max_age, l.idle, l.absolute_wall, l.life_limit, l.max_age_action, l.idle_action,"
    " l.absolute_action, l.born_at, l.max_at, l.limit_at, l.keep_until, l.active_at, l.active_by, l.halted_at,"
    " l.retention, l.expires_at, l.wake_at, l.warn";

Lifetime read_lifetime(Row& row);

class SqlLifetimeTable : public LifetimeTable {
 public:
  explicit SqlLifetimeTable(Database& database) : database_(database) {}

  /// By the table of its kind, which has found the id to be new.
  Status insert(const Lifetime& lifetime);

  Result<Lifetime> get(const ResourceId& id) override;
  Status update(const Lifetime& lifetime) override;
  Status put(const Lifetime& lifetime) override;
  Result<std::vector<Lifetime>> waking(Time until, std::size_t limit) override;
  Result<std::optional<Time>> waking_after(Time at) override;
  Result<std::vector<Lifetime>> with_absolute(const std::string& after, std::size_t limit) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
