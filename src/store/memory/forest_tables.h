#pragma once

#include "ports/forest_tables.h"
#include "store/memory/rows.h"

namespace mayfly::memory {

class MemoryResourceTable : public ResourceTable {
 public:
  explicit MemoryResourceTable(Draft& draft) : draft_(draft) {}

  Result<Resource> get(const ResourceId& id) override;
  Result<std::vector<Resource>> in(const ResourceId& parent, Kind kind, const std::string& after,
                                   std::size_t limit) override;

 private:
  Draft& draft_;
};

class MemoryRecordTable : public RecordTable {
 public:
  explicit MemoryRecordTable(Draft& draft) : draft_(draft) {}

  Result<Record> get(const ResourceId& id) override;
  Status insert(const Record& record) override;
  Status update(const Record& record) override;
  Result<std::vector<Record>> scan(Kind kind, const std::string& after, std::size_t limit) override;

 private:
  Status put(const Record& record);
  Draft& draft_;
};

class MemoryTrashTable : public TrashTable {
 public:
  explicit MemoryTrashTable(Draft& draft) : draft_(draft) {}

  Result<std::optional<Trashed>> find(const ResourceId& id) override;
  Status put(const Trashed& row) override;
  Status remove(const ResourceId& id) override;
  Result<std::vector<Trashed>> of_kind(Kind kind, const std::string& after, std::size_t limit) override;
  Result<std::vector<Trashed>> in(const ResourceId& scope, const std::string& after, std::size_t limit) override;

 private:
  Draft& draft_;
};

class MemoryHoldTable : public HoldTable {
 public:
  explicit MemoryHoldTable(Draft& draft) : draft_(draft) {}

  Result<Hold> get(const HoldId& id) override;
  Status insert(const Hold& hold) override;
  Status update(const Hold& hold) override;
  Result<std::vector<Hold>> keeping(const ResourceId& resource, Time now, std::size_t limit) override;

 private:
  Draft& draft_;
};

}  // namespace mayfly::memory
