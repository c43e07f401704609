#pragma once

#include "store/memory/rows.h"

namespace mayfly::memory {

class MemoryRuntimeTable : public RuntimeTable {
 public:
  explicit MemoryRuntimeTable(Draft& draft) : draft_(draft) {}

  Result<Runtime> get(const ResourceId& id) override;
  Result<std::optional<Runtime>> find_named(const ResourceId& workspace, const std::string& key) override;
  Status insert(const Runtime& runtime) override;
  Status update(const Runtime& runtime) override;
  Result<std::vector<Runtime>> list(const RuntimeFilter& filter, const Page& page) override;

 private:
  Status put(const Runtime& runtime);
  Draft& draft_;
};

}  // namespace mayfly::memory
