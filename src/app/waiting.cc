#include "app/waiting.h"

#include <utility>

namespace mayfly {

void Waiting::park(const ResourceId& id, Time deadline, Look look) {
  {
    std::lock_guard guard(mutex_);
    parked_.emplace(id, std::make_shared<Parked>(Parked{.deadline = deadline, .look = std::move(look),
                                                        .last = stopped_}));
  }
  // It may have settled between the caller's own look and this entry.
  settled({id});
}

void Waiting::settled(const std::vector<ResourceId>& ids) {
  std::vector<std::pair<ResourceId, Entry>> woken;
  {
    std::lock_guard guard(mutex_);
    if (parked_.empty()) return;
    for (const auto& id : ids) {
      const auto [first, last] = parked_.equal_range(id);
      for (auto at = first; at != last; ++at) {
        at->second->again = true;
        if (!std::exchange(at->second->looking, true)) woken.emplace_back(id, at->second);
      }
    }
  }
  for (const auto& [id, entry] : woken) look(id, entry);
}

/// Looks until nothing has happened while it did.
void Waiting::look(const ResourceId& id, const Entry& entry) {
  post_([this, id, entry] {
    for (;;) {
      bool last = false;
      {
        std::lock_guard guard(mutex_);
        if (!entry->again) {
          entry->looking = false;
          return;
        }
        entry->again = false;
        last = entry->last;
      }
      if (!entry->look(last) && !last) continue;
      std::lock_guard guard(mutex_);
      const auto [first, end] = parked_.equal_range(id);
      for (auto at = first; at != end; ++at) {
        if (at->second != entry) continue;
        parked_.erase(at);
        break;
      }
      return;
    }
  });
}

std::optional<Time> Waiting::run_once(Time now) {
  std::vector<std::pair<ResourceId, Entry>> due;
  std::optional<Time> next;
  {
    std::lock_guard guard(mutex_);
    for (auto& [id, entry] : parked_) {
      if (entry->deadline > now) {
        if (!next || entry->deadline < *next) next = entry->deadline;
        continue;
      }
      entry->last = entry->again = true;
      if (!std::exchange(entry->looking, true)) due.emplace_back(id, entry);
    }
  }
  for (const auto& [id, entry] : due) look(id, entry);
  return next;
}

void Waiting::stop() {
  {
    std::lock_guard guard(mutex_);
    stopped_ = true;
  }
  (void)run_once(Time::max());
}

std::size_t Waiting::size() const {
  std::lock_guard guard(mutex_);
  return parked_.size();
}

}  // namespace mayfly
