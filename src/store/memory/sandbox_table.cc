#include <algorithm>

#include "store/memory/resource_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

namespace {

bool in(const std::vector<State>& states, State state) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

bool matches(const SandboxFilter& filter, const Sandbox& sandbox) {
  const auto& resource = sandbox.resource;
  if (resource.workspace != filter.workspace) return false;
  if (filter.states.empty() ? resource.state == State::gone : !in(filter.states, resource.state)) return false;
  if (!filter.image.empty() && sandbox.spec.image != filter.image && sandbox.spec.image_digest != filter.image)
    return false;
  return std::includes(resource.labels.begin(), resource.labels.end(), filter.labels.begin(), filter.labels.end());
}

bool living(const Sandbox& sandbox) { return sandbox.resource.state != State::gone; }

}  // namespace

Sandbox MemorySandboxTable::whole(const Sandbox& row) const {
  Sandbox sandbox = row;
  sandbox.lifetime = draft_.rows().lifetimes.at(row.resource.id);
  return sandbox;
}

Result<Sandbox> MemorySandboxTable::get(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().sandboxes, id);
  if (!row) return tl::unexpected(rules::missing("sandbox", id.text));
  return whole(*row);
}

Result<std::optional<Sandbox>> MemorySandboxTable::find_named(const ResourceId& workspace, const std::string& name) {
  const Sandbox* best = nullptr;
  for (const auto& [id, row] : draft_.rows().sandboxes) {
    if (row.resource.workspace != workspace || row.resource.name != name) continue;
    if (!best || !best->resource.name_held) best = &row;
  }
  if (!best) return std::optional<Sandbox>();
  return whole(*best);
}

Status MemorySandboxTable::put(const Sandbox& sandbox) {
  const auto& resource = sandbox.resource;
  if (resource.name_held) {
    const auto holder = TRY(find_named(resource.workspace, resource.name));
    if (holder && holder->resource.name_held && holder->resource.id != resource.id)
      return tl::unexpected(rules::name_taken("sandbox", resource.name));
  }
  TRY(draft_.put(&Rows::lifetimes, resource.id, rules::lifetime_of(resource, sandbox.lifetime)));
  return draft_.put(&Rows::sandboxes, resource.id, sandbox);
}

Status MemorySandboxTable::insert(const Sandbox& sandbox) {
  const auto& id = sandbox.resource.id;
  if (draft_.rows().sandboxes.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return put(sandbox);
}

Status MemorySandboxTable::update(const Sandbox& sandbox) {
  CHECK(draft_.rows().sandboxes.contains(sandbox.resource.id));
  return put(sandbox);
}

Result<std::vector<Sandbox>> MemorySandboxTable::list(const SandboxFilter& filter, const Page& page) {
  return newest(
      draft_.rows().sandboxes, page, [&](const Sandbox& row) { return matches(filter, row); },
      [this](const Sandbox& row) { return whole(row); });
}

Result<std::vector<Sandbox>> MemorySandboxTable::scan(const std::string& after, std::size_t limit) {
  return following(draft_.rows().sandboxes, after, limit, living, [this](const Sandbox& row) { return whole(row); });
}

Result<std::vector<Sandbox>> MemorySandboxTable::claimable(Lane lane, Time now, std::size_t limit) {
  std::vector<const Sandbox*> due;
  for (const auto& [id, row] : draft_.rows().sandboxes)
    if (rules::queue_of(row) == lane && *row.work.next_attempt_at <= now) due.push_back(&row);
  std::stable_sort(due.begin(), due.end(),
                   [](auto* a, auto* b) { return a->work.next_attempt_at < b->work.next_attempt_at; });
  std::vector<Sandbox> found;
  for (std::size_t i = 0; i < std::min(limit, due.size()); ++i) found.push_back(whole(*due[i]));
  return found;
}

Result<std::optional<Time>> MemorySandboxTable::next_attempt(Lane lane) {
  std::optional<Time> first;
  for (const auto& [id, row] : draft_.rows().sandboxes)
    if (rules::queue_of(row) == lane && (!first || *row.work.next_attempt_at < *first))
      first = row.work.next_attempt_at;
  return first;
}

Status MemorySandboxTable::release_claims_of_others(std::int64_t epoch, Time now) {
  std::vector<Sandbox> claimed, too_late;
  for (const auto& [id, row] : draft_.rows().sandboxes) {
    if (row.work.claim != 0 && row.work.claim != epoch) claimed.push_back(whole(row));
    if (rules::queue_of(row) && *row.work.next_attempt_at > now + rules::longest_wait) too_late.push_back(whole(row));
  }
  for (auto& sandbox : claimed) TRY(update(rules::released(std::move(sandbox), now)));
  for (auto& sandbox : too_late) {
    sandbox.work.next_attempt_at = now;
    TRY(update(sandbox));
  }
  return {};
}

Result<bool> MemorySandboxTable::uses_image(const std::string& digest) {
  const auto& rows = draft_.rows().sandboxes;
  return std::any_of(rows.begin(), rows.end(),
                     [&](const auto& row) { return living(row.second) && row.second.spec.image_digest == digest; });
}

Result<bool> MemorySandboxTable::restores_from(const ResourceId& archive) {
  const auto& rows = draft_.rows().sandboxes;
  return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
    const Sandbox& sandbox = row.second;
    const bool waits = awaits_restore(sandbox) && !rules::ended(sandbox.resource.state);
    return waits && sandbox.spec.restore_from == archive.text;
  });
}

Result<std::vector<std::pair<State, std::int64_t>>> MemorySandboxTable::count_by_state() {
  std::map<State, std::int64_t> counts;
  for (const auto& [id, row] : draft_.rows().sandboxes)
    if (living(row) && !row.resource.workspace.text.empty()) ++counts[row.resource.state];
  return std::vector<std::pair<State, std::int64_t>>(counts.begin(), counts.end());
}

}  // namespace mayfly::memory
