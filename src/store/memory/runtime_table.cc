#include "store/memory/runtime_table.h"

#include <algorithm>

#include "store/rules.h"

namespace mayfly::memory {

Result<Runtime> MemoryRuntimeTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().runtimes, id);
  if (!row) return tl::unexpected(rules::missing("runtime", id.text));
  return *row;
}

Result<std::optional<Runtime>> MemoryRuntimeTable::find_named(const ResourceId& workspace, const std::string& key) {
  for (const auto& [id, row] : draft_.rows().runtimes)
    if (row.resource.workspace == workspace && row.resource.name == key && row.resource.name_held)
      return std::optional(row);
  return std::optional<Runtime>();
}

Status MemoryRuntimeTable::put(const Runtime& runtime) {
  const auto& resource = runtime.resource;
  if (resource.name_held) {
    const auto holder = TRY(find_named(resource.workspace, resource.name));
    if (holder && holder->resource.id != resource.id)
      return tl::unexpected(rules::name_taken("runtime", resource.name));
  }
  return draft_.put(&Rows::runtimes, resource.id, runtime);
}

Status MemoryRuntimeTable::insert(const Runtime& runtime) {
  const auto& id = runtime.resource.id;
  if (draft_.rows().runtimes.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(runtime);
}

Status MemoryRuntimeTable::update(const Runtime& runtime) {
  CHECK(draft_.rows().runtimes.contains(runtime.resource.id));
  return put(runtime);
}

Result<std::vector<Runtime>> MemoryRuntimeTable::list(const RuntimeFilter& filter, const Page& page) {
  const auto state_of = [&](const Runtime& row) {
    const auto* sandbox = look_up(draft_.rows().sandboxes, row.sandbox);
    return runtime_state(sandbox ? sandbox->resource.state : State::gone);
  };
  const auto matches = [&](const Runtime& row) {
    const auto& states = filter.states;
    return row.resource.workspace == filter.workspace && row.resource.state == State::active &&
           (states.empty() || std::find(states.begin(), states.end(), state_of(row)) != states.end()) &&
           (filter.project.empty() || row.project == filter.project) && (!filter.owner || row.owner == filter.owner);
  };
  return newest(draft_.rows().runtimes, page, matches, [](const Runtime& row) { return row; });
}

}  // namespace mayfly::memory
