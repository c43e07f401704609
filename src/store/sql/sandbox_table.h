#pragma once

#include "store/sql/lifetime_table.h"

namespace mayfly::sql {

class SqlSandboxTable : public SandboxTable {
 public:
  explicit SqlSandboxTable(Database& database) : database_(database), lifetimes_(database) {}

  Result<Sandbox> get(const ResourceId& id) override;
  Result<std::optional<Sandbox>> find_named(const ResourceId& workspace, const std::string& name) override;
  Status insert(const Sandbox& sandbox) override;
  Status update(const Sandbox& sandbox) override;
  Result<std::vector<Sandbox>> list(const SandboxFilter& filter, const Page& page) override;
  Result<std::vector<Sandbox>> scan(const std::string& after, std::size_t limit) override;
  Result<std::vector<Sandbox>> claimable(Lane lane, Time now, std::size_t limit) override;
  Result<std::optional<Time>> next_attempt(Lane lane) override;
  Status release_claims_of_others(std::int64_t epoch, Time now) override;
  Result<bool> uses_image(const std::string& digest) override;
  Result<bool> restores_from(const ResourceId& archive) override;
  Result<std::vector<std::pair<State, std::int64_t>>> count_by_state() override;

 private:
  Database& database_;
  SqlLifetimeTable lifetimes_;
};

/// "fast", "slow": how a queue is written down.
std::string_view lane_word(Lane lane);

}  // namespace mayfly::sql
