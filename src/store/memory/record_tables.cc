#include "store/memory/record_tables.h"

#include "store/rules.h"

namespace mayfly::memory {

Status MemoryEventTable::insert(const Event& event) {
  if (draft_.rows().events.contains(event.id)) return tl::unexpected(rules::id_taken(event.id.text));
  return draft_.put(&Rows::events, event.id, event);
}

Result<std::vector<Event>> MemoryEventTable::list(const EventFilter& filter, const Page& page) {
  const auto matches = [&](const Event& row) {
    if (filter.workspace && row.workspace != filter.workspace) return false;
    if (filter.subject && row.subject != *filter.subject) return false;
    return filter.type.empty() || row.type == filter.type;
  };
  return newest(draft_.rows().events, page, matches, [](const Event& row) { return row; });
}

Result<std::optional<ImageRecord>> MemoryImageTable::find(const std::string& name_or_digest) {
  if (const auto* named = look_up(draft_.rows().images, name_or_digest)) return std::optional(*named);
  for (const auto& [name, row] : draft_.rows().images)
    if (row.digest == name_or_digest) return std::optional(row);
  return std::optional<ImageRecord>();
}

Status MemoryImageTable::put(const ImageRecord& image) { return draft_.put(&Rows::images, image.name, image); }

Status MemoryImageTable::remove(const std::string& name) { return draft_.erase(&Rows::images, name); }

Result<std::vector<ImageRecord>> MemoryImageTable::list() {
  std::vector<ImageRecord> all;
  for (const auto& [name, row] : draft_.rows().images) all.push_back(row);
  return all;
}

Result<std::optional<std::string>> MemorySettingTable::get(const std::string& name) {
  const auto* value = look_up(draft_.rows().settings, name);
  return value ? std::optional(*value) : std::nullopt;
}

Status MemorySettingTable::put(const std::string& name, const std::string& value) {
  return draft_.put(&Rows::settings, name, value);
}

}  // namespace mayfly::memory
