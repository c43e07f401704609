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
        for (const auto& [id, row] : draft_.rows().workspaces)
          if (row.resource.state != State::gone) all.push_back(query::facts_of_workspace(row.resource));
        break;
      case query::Listed::app: case query::Listed::element: {
        const auto kind = what == query::Listed::app ? Kind::app : Kind::element;
        for (const auto& [id, row] : draft_.rows().records)
          if (row.resource.kind == kind && row.resource.state != State::gone)
            all.push_back(query::facts_of(row.resource));
        break;
      }
      case query::Listed::database:
        for (const auto& [id, row] : draft_.rows().volumes)
          if (row.resource.kind == Kind::database && row.resource.state != State::gone)
            all.push_back(query::facts_of(row.resource));
        break;
      case query::Listed::trash_item:
        for (const auto& [id, row] : draft_.rows().trash)
          if (!row.restoring) all.push_back(query::facts_of(row));
        break;
      case query::Listed::hold:
        for (const auto& [id, row] : draft_.rows().holds) all.push_back(query::facts_of(row));
        break;
    }
    return all;
  });
}

}  // namespace mayfly::memory
