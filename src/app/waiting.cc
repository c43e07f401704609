#include "app/waiting.h"

namespace mayfly {

void Waiting::park(const ResourceId& id, Time deadline, Look look) {
  {
    std::lock_guard guard(mutex_);
    parked_.emplace(id, Parked{deadline, look});
  }
  // It may have settled between the caller's own look and this entry.
  settled({id});
}

void Waiting::settled(const std::vector<ResourceId>& ids) {
  std::vector<std::pair<ResourceId, Parked>> woken;
  {
    std::lock_guard guard(mutex_);
    if (parked_.empty()) return;
    for (const auto& id : ids) {
      const auto [first, last] = parked_.equal_range(id);
      for (auto at = first; at != last; ++at) woken.emplace_back(id, std::move(at->second));
      parked_.erase(first, last);
    }
  }
  for (auto& [id, parked] : woken) look_again(id, std::move(parked), false);
}

void Waiting::look_again(const ResourceId& id, Parked parked, bool last) {
  post_([this, id, parked = std::move(parked), last] {
    if (parked.look(last) || last) return;
    std::lock_guard guard(mutex_);
    parked_.emplace(id, parked);
  });
}

std::optional<Time> Waiting::run_once(Time now) {
  std::vector<std::pair<ResourceId, Parked>> due;
  std::optional<Time> next;
  {
    std::lock_guard guard(mutex_);
    for (auto at = parked_.begin(); at != parked_.end();) {
      if (at->second.deadline <= now) {
        due.emplace_back(at->first, std::move(at->second));
        at = parked_.erase(at);
      } else {
        if (!next || at->second.deadline < *next) next = at->second.deadline;
        ++at;
      }
    }
  }
  for (auto& [id, parked] : due) look_again(id, std::move(parked), true);
  return next;
}

std::size_t Waiting::size() const {
  std::lock_guard guard(mutex_);
  return parked_.size();
}

}  // namespace mayfly
