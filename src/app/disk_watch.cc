#include "app/disk_watch.h"

#include "app/audit.h"

namespace mayfly {

namespace {
constexpr std::size_t page_size = 512;
}

Status DiskWatch::run_once() {
  std::map<ResourceId, std::int64_t> still_there;
  Status trouble;
  for (std::string after;;) {
    const auto page = TRY(store_.read([&](Transaction& t) { return t.sandboxes().scan(after, page_size); }));
    for (const auto& sandbox : page) {
      after = sandbox.resource.id.text;
      if (sandbox.resource.state != State::running) continue;
      if (const auto looked = look_at(sandbox); !looked) trouble = looked;
      still_there[sandbox.resource.id] = cpu_seen_[sandbox.resource.id];
    }
    if (page.size() < page_size) break;
  }
  cpu_seen_ = std::move(still_there);
  return trouble;
}

Status DiskWatch::look_at(const Sandbox& sandbox) {
  const auto incarnation = incarnation_of(sandbox, installation_);
  const auto cpu = driver_.cpu_time(incarnation);
  if (!cpu) return {};
  auto& seen = cpu_seen_[sandbox.resource.id];
  if (seen == *cpu) return {};  // who has not run has not written
  const auto usage = driver_.usage(incarnation, sandbox.layer);
  const auto limit = sandbox.spec.resources.disk_mb << 20;
  if (!usage) return {};
  if (usage->disk_bytes <= limit) {
    seen = *cpu;  // only now: what could not be measured, or whose stop is not written, is looked at again
    return {};
  }
  return store_.write([&](Transaction& t) -> Status {
    Sandbox row = TRY(t.sandboxes().get(sandbox.resource.id));
    if (row.resource.state != State::running || row.resource.generation != sandbox.resource.generation) return {};
    TRY(apply_move(t, row, lifecycle::Move::ask_stop, {"disk_limit", "system:disk", t.now()}, installation_));
    TRY(audit(t, random_, Caller::system("disk", row.resource.workspace), "sandbox.disk_limit", row.resource,
              {{"bytes", std::to_string(usage->disk_bytes)}, {"limit", std::to_string(limit)}}));
    return {};
  });
}

}  // namespace mayfly
