#pragma once

#include "store/memory/rows.h"

namespace mayfly::memory {

class MemoryVolumeTable : public VolumeTable {
 public:
  explicit MemoryVolumeTable(Draft& draft) : draft_(draft) {}

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
  Volume whole(const Volume& row) const;
  Status put(const Volume& volume);
  Draft& draft_;
};

class MemoryUsageTable : public UsageTable {
 public:
  explicit MemoryUsageTable(Draft& draft) : draft_(draft) {}
  Result<WorkspaceUsage> of(const ResourceId& workspace) override;
  Result<std::int64_t> things(const ResourceId& workspace, std::int64_t limit) override;

 private:
  Draft& draft_;
};

}  // namespace mayfly::memory
