#include "app/stale_sweep.h"

namespace mayfly {

namespace {
constexpr std::size_t page_size = 200;
}

Result<StaleReport> StaleSweep::candidates(const Caller& caller, const StaleRule& rule) {
  TRY(require(caller, Role::member));
  TRY(activity_.flush());
  StaleReport report;
  SandboxFilter filter;
  filter.workspace = caller.workspace;
  filter.states = rule.states;
  for (Page page{{}, page_size};;) {
    auto rows = TRY(store_.read([&](Transaction& t) { return t.sandboxes().list(filter, page); }));
    const Time now = clock_.now();
    for (auto& row : rows) {
      ++report.looked_at;
      page.before = row.resource.id.text;
      auto verdict = judge(row, rule, now);
      if (!verdict.stale) continue;
      if (report.items.size() == most) {
        report.cut = true;
        return report;
      }
      report.items.push_back({std::move(row), std::move(verdict), {}, {}, {}});
    }
    if (rows.size() < page_size) return report;
  }
}

Result<StaleReport> StaleSweep::plan(const Caller& caller, const StaleRule& rule) {
  auto report = TRY(candidates(caller, rule));
  for (auto& item : report.items)
    if (const auto usage = driver_.usage(incarnation_of(item.sandbox, installation_), item.sandbox.layer))
      item.disk_bytes = usage->disk_bytes;
  return report;
}

Result<StaleReport> StaleSweep::apply(const Caller& caller, const StaleRule& rule, const DeletePolicy& policy) {
  auto report = TRY(candidates(caller, rule));
  for (auto& item : report.items) {
    // Used since the list was made? Then that must be in its row before it is judged again.
    TRY(activity_.flush_if_seen(item.sandbox.resource.id));
    auto task = store_.write([&](Transaction& t) -> Result<TaskId> {
      Sandbox row = TRY(t.sandboxes().get(item.sandbox.resource.id));
      item.verdict = judge(row, rule, t.now());
      if (!item.verdict.stale) return TaskId{};
      return deletion_.begin(t, caller, std::move(row), {policy, "stale"});
    });
    if (task) item.task = *task;
    else item.error = task.error().message;
  }
  return report;
}

}  // namespace mayfly
