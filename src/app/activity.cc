#include "app/activity.h"

#include <vector>

namespace mayfly {

void ActivityLog::touch(const ResourceId& id, Activity by) { see(id, by, 0); }

std::shared_ptr<void> ActivityLog::hold(const ResourceId& id, Activity by) {
  see(id, by, 1);
  return std::shared_ptr<void>(nullptr, [this, id, by](void*) { see(id, by, -1); });
}

void ActivityLog::see(const ResourceId& id, Activity by, int held) {
  const Time now = clock_.now();
  std::lock_guard guard(mutex_);
  auto& seen = seen_[id];
  seen.at = now;
  seen.by = by;
  seen.held += held;
  seen.fresh = true;
}

Status ActivityLog::flush() {
  std::vector<std::pair<ResourceId, Seen>> batch;
  const Time now = clock_.now();
  {
    std::lock_guard guard(mutex_);
    for (auto at = seen_.begin(); at != seen_.end();) {
      auto& [id, seen] = *at;
      if (seen.held > 0) seen.at = now;
      if (seen.held > 0 || seen.fresh) batch.emplace_back(id, seen);
      seen.fresh = false;
      at = seen.held > 0 ? std::next(at) : seen_.erase(at);
    }
  }
  if (batch.empty()) return {};
  const auto written = write(batch);
  if (written) return {};
  // A use that could not be written down was a use all the same.
  std::lock_guard guard(mutex_);
  for (const auto& [id, seen] : batch) {
    auto& kept = seen_[id];
    if (kept.at < seen.at) {
      kept.at = seen.at;
      kept.by = seen.by;
    }
    kept.fresh = true;
  }
  return written;
}

Status ActivityLog::flush_if_seen(const ResourceId& id) {
  {
    std::lock_guard guard(mutex_);
    if (!seen_.contains(id)) return {};
  }
  return flush();
}

Status ActivityLog::write(const std::vector<std::pair<ResourceId, Seen>>& batch) {
  return store_.write([&](Transaction& t) -> Status {
    for (const auto& [id, seen] : batch) {
      auto life = t.lifetimes().get(id);
      if (!life || life->state != State::running) continue;
      lifetime::touch(*life, seen.by, seen.at, t.moment(), installation_.down);
      TRY(t.lifetimes().update(*life));
    }
    return {};
  });
}

}  // namespace mayfly
