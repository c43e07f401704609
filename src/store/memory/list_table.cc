#include "store/memory/list_table.h"

#include "core/query/evaluate.h"

namespace mayfly::memory {

Result<query::Slice> MemoryListTable::slice(const query::Listing& listing) {
  return query::slice(listing, [this](query::Listed what) {
    std::vector<query::Facts> all;
    switch (what) {
      case query::Listed::cleanup_task:
        for (const auto& [id, row] : draft_.rows().tasks) all.push_back(query::facts_of(row));
        break;
      case query::Listed::event:
        for (const auto& [id, row] : draft_.rows().events) all.push_back(query::facts_of(row));
        break;
      case query::Listed::workspace:
        for (const auto& [id, row] : draft_.rows().workspaces) all.push_back(query::facts_of_workspace(row.resource));
        break;
    }
    return all;
  });
}

}  // namespace mayfly::memory
