#include "store/memory/record_tables.h"

#include "store/rules.h"

namespace mayfly::memory {

Status MemoryEventTable::insert(const Event& event) {
  if (draft_.rows().events.contains(event.id)) return tl::unexpected(rules::id_taken(event.id.text));
  return draft_.put(&Rows::events, event.id, event);
}

Result<Event> MemoryEventTable::get(const EventId& id) {
  const auto* row = look_up(draft_.rows().events, id);
  if (!row) return tl::unexpected(rules::missing("event", id.text));
  return *row;
}

Result<std::vector<Event>> MemoryEventTable::list(const EventFilter& filter, const Page& page) {
  const auto matches = [&](const Event& row) {
    if (filter.workspace && row.workspace != filter.workspace) return false;
    if (filter.subject && row.subject != *filter.subject) return false;
    return filter.type.empty() || row.type == filter.type;
  };
  return newest(draft_.rows().events, page, matches, [](const Event& row) { return row; });
}

Result<std::optional<std::string>> MemorySettingTable::get(const std::string& name) {
  const auto* value = look_up(draft_.rows().settings, name);
  return value ? std::optional(*value) : std::nullopt;
}

Status MemorySettingTable::put(const std::string& name, const std::string& value) {
  return draft_.put(&Rows::settings, name, value);
}

}  // namespace mayfly::memory
