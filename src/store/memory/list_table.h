#pragma once

#include "ports/list_table.h"
#include "store/memory/rows.h"

namespace mayfly::memory {

class MemoryListTable : public ListTable {
 public:
  explicit MemoryListTable(Draft& draft) : draft_(draft) {}
  Result<query::Slice> slice(const query::Listing& listing) override;

 private:
  Draft& draft_;
};

}  // namespace mayfly::memory
