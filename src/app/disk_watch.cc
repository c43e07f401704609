#include "app/disk_watch.h"

#include "app/audit.h"

namespace mayfly {

namespace {
constexpr std::size_t page_size = 512;
}

Status DiskWatch::run_once() {
  std::map<ResourceId, Seen> still_there;
  std::map<ResourceId, std::vector<Sandbox>> writers;   // that have run since the last look, by volume
  Status trouble;
  for (std::string after;;) {
    const auto page = TRY(store_.read([&](Transaction& t) { return t.sandboxes().scan(after, page_size); }));
    for (const auto& sandbox : page) {
      after = sandbox.resource.id.text;
      if (sandbox.resource.state != State::running) continue;
      auto& seen = seen_[sandbox.resource.id];
      const auto before = seen.cpu_us;
      if (!sleeps_since_the_last_look(sandbox.resource.id))
        if (const auto looked = look_at(sandbox); !looked) trouble = looked;
      still_there[sandbox.resource.id] = seen;
      if (seen.cpu_us == before) continue;  // who has not run has not written
      for (const auto& mount : sandbox.mounts)
        if (!mount.read_only) writers[mount.volume].push_back(sandbox);
    }
    if (page.size() < page_size) break;
  }
  seen_ = std::move(still_there);
  for (const auto& [volume, sandboxes] : writers) {
    const auto looked = look_at(volume, sandboxes);
    if (looked) continue;
    trouble = looked;
    for (const auto& sandbox : sandboxes) seen_.erase(sandbox.resource.id);  // it is looked at again
  }
  return trouble;
}

bool DiskWatch::sleeps_since_the_last_look(const ResourceId& id) const {
  const auto nap = asleep_since_(id);
  return nap && seen_.at(id).nap == nap;
}

Status DiskWatch::look_at(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  const auto nap = asleep_since_(sandbox.resource.id);
  const auto cpu = driver_.cpu_time(incarnation);
  if (!cpu) return {};
  auto& seen = seen_[sandbox.resource.id];
  if (seen.cpu_us == *cpu) {
    seen.nap = nap;
    return {};
  }
  const auto usage = driver_.usage(incarnation, sandbox.layer);
  const auto limit = sandbox.spec.resources.disk_mb << 20;
  if (!usage) return {};
  if (usage->disk_bytes <= limit) {
    seen = {*cpu, nap};  // only now: what could not be measured, or whose stop is not written, is looked at again
    return {};
  }
  return stop(sandbox, "disk_limit", "sandbox.disk_limit",
              {{"bytes", std::to_string(usage->disk_bytes)}, {"limit", std::to_string(limit)}});
}

Status DiskWatch::look_at(const ResourceId& id, const std::vector<Sandbox>& writers) {
  const auto volume = TRY(store_.read([&](Transaction& t) { return t.volumes().get(id); }));
  // Nothing of its own ever runs: only its layer is measured.
  const auto usage = TRY(driver_.usage({installation_.instance, uid_of(id), 0}, volume.layer));
  const auto limit = volume.size_mb << 20;
  if (usage.disk_bytes <= limit) return {};
  for (const auto& sandbox : writers)
    TRY(stop(sandbox, "volume_limit", "sandbox.volume_limit",
             {{"volume", id.text}, {"bytes", std::to_string(usage.disk_bytes)}, {"limit", std::to_string(limit)}}));
  return {};
}

Status DiskWatch::stop(const Sandbox& sandbox, const std::string& reason, const std::string& event,
                       std::map<std::string, std::string> data) {
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(sandbox.resource.id));
    if (row.resource.state != State::running || row.resource.generation != sandbox.resource.generation) return {};
    TRY(apply_move(t, row, lifecycle::Move::ask_stop, {reason, "system:disk", t.now()}, installation_));
    TRY(audit(t, random_, Caller::system("disk", row.resource.workspace), event, row.resource, data));
    return {};
  });
}

}  // namespace mayfly
