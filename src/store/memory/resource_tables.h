#pragma once

#include "store/memory/rows.h"

namespace mayfly::memory {

class MemorySandboxTable : public SandboxTable {
 public:
  explicit MemorySandboxTable(Draft& draft) : draft_(draft) {}

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
  Sandbox whole(const Sandbox& row) const;
  Status put(const Sandbox& sandbox);
  Draft& draft_;
};

class MemoryArchiveTable : public ArchiveTable {
 public:
  explicit MemoryArchiveTable(Draft& draft) : draft_(draft) {}

  Result<Archive> get(const ResourceId& id) override;
  Status insert(const Archive& archive) override;
  Status update(const Archive& archive) override;
  Result<std::vector<Archive>> list(const ArchiveFilter& filter, const Page& page) override;
  Result<std::vector<Archive>> scan(const std::string& after, std::size_t limit) override;
  Result<bool> needs_image(const std::string& digest) override;

  Status put_permit(const DeletePermit& permit) override;
  Result<std::optional<DeletePermit>> find_permit(const LayerRef& layer) override;
  Status drop_permit(const LayerRef& layer) override;

 private:
  Archive whole(const Archive& row) const;
  Status put(const Archive& archive);
  Draft& draft_;
};

class MemoryLifetimeTable : public LifetimeTable {
 public:
  explicit MemoryLifetimeTable(Draft& draft) : draft_(draft) {}

  Result<Lifetime> get(const ResourceId& id) override;
  Status update(const Lifetime& lifetime) override;
  Status put(const Lifetime& lifetime) override;
  Result<std::vector<Lifetime>> waking(Time until, std::size_t limit) override;
  Result<std::optional<Time>> waking_after(Time at) override;
  Result<std::vector<Lifetime>> with_absolute(const std::string& after, std::size_t limit) override;

 private:
  Draft& draft_;
};

}  // namespace mayfly::memory
