#pragma once

#include "store/sql/lifetime_table.h"

namespace mayfly::sql {

class SqlVolumeTable : public VolumeTable {
 public:
  explicit SqlVolumeTable(Database& database) : database_(database), lifetimes_(database) {}

  Result<Volume> get(const ResourceId& id) override;
  Result<std::optional<Volume>> find_named(const ResourceId& workspace, const std::string& name,
                                           Kind kind) override;
  Status insert(const Volume& volume) override;
  Status update(const Volume& volume) override;
  Result<std::vector<Volume>> list(const VolumeFilter& filter, const Page& page) override;
  Result<std::vector<Volume>> scan(const std::string& after, std::size_t limit) override;
  Result<std::vector<ResourceId>> mounted_by(const ResourceId& volume, std::size_t limit) override;
  Result<bool> restores_from(const ResourceId& archive) override;
  Result<std::vector<Volume>> made_by_others(std::int64_t epoch, std::size_t limit) override;

 private:
  Database& database_;
  SqlLifetimeTable lifetimes_;
};

class SqlUsageTable : public UsageTable {
 public:
  explicit SqlUsageTable(Database& database) : database_(database) {}
  Result<WorkspaceUsage> of(const ResourceId& workspace) override;
  Result<std::int64_t> things(const ResourceId& workspace, std::int64_t limit) override;

 private:
  Database& database_;
};

}  // namespace mayfly::sql
