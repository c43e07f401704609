#include "app/plans.h"

#include "app/kinds.h"

namespace mayfly {

namespace {

constexpr std::size_t page_size = 500;
constexpr std::size_t most_holds = 100;
constexpr std::size_t most_blockers = 100;

/// FNV-1a: tells two trees apart, and guards nothing.
class Digest {
 public:
  void add(std::string_view text) {
    for (const unsigned char c : text) value_ = (value_ ^ c) * 1099511628211ull;
    value_ = (value_ ^ 0xff) * 1099511628211ull;
  }
  std::string text() const {
    constexpr char digits[] = "0123456789abcdef";
    std::string hex;
    for (int shift = 60; shift >= 0; shift -= 4) hex += digits[(value_ >> shift) & 15];
    return hex;
  }

 private:
  std::uint64_t value_ = 14695981039346656037ull;
};

struct Walk {
  Transaction& t;
  Plan& plan;
  Digest digest;

  PlannedKind& of(Kind kind) {
    for (auto& one : plan.kinds)
      if (one.kind == kind) return one;
    return plan.kinds.emplace_back(PlannedKind{.kind = kind});
  }
  void blocked(const ResourceId& id, std::string text) {
    if (plan.blockers.size() < most_blockers) plan.blockers.push_back({id, std::move(text)});
  }

  Status size_up(const Resource& row, PlannedKind& sum) {
    switch (row.kind) {
      case Kind::sandbox: sum.reserved_mb += TRY(t.sandboxes().get(row.id)).spec.resources.disk_mb; break;
      case Kind::volume: case Kind::database: sum.reserved_mb += TRY(t.volumes().get(row.id)).size_mb; break;
      case Kind::archive: sum.bytes += TRY(t.archives().get(row.id)).stored_bytes; break;
      case Kind::element: sum.bytes += static_cast<std::int64_t>(TRY(t.records().get(row.id)).content.size()); break;
      case Kind::organization: case Kind::workspace: case Kind::app: case Kind::image:
      case Kind::runtime: break;
    }
    return {};
  }

  /// What mounts it is in the same workspace, and goes with that; else it stands in the way.
  Status look_for_mounts(const Resource& row) {
    if (row.kind != Kind::volume && row.kind != Kind::database) return {};
    for (const auto& id : TRY(t.volumes().mounted_by(row.id, most_blockers)))
      blocked(row.id, called(row) + " is mounted by " + called(TRY(t.resources().get(id))));
    return {};
  }

  /// A delete of its own that has come to its end without success.
  Status look_for_failure(const Resource& row) {
    if (row.state != State::deleting) return {};
    const auto id = TRY(delete_task_of(t, row.id));
    if (!id) return {};
    const auto task = TRY(t.tasks().get(id));
    if (task.phase == Phase::failed)
      blocked(row.id, "the delete of " + called(row) + " has failed: cleanup task " + id.text);
    return {};
  }

  Status see(const Resource& row) {
    digest.add(row.id.text);
    auto& sum = of(row.kind);
    ++sum.count;
    TRY(size_up(row, sum));
    TRY(look_for_failure(row));
    for (const auto kind : kinds_in(row.kind)) {
      std::string after;
      for (bool more = true; more;) {
        const auto page = TRY(t.resources().in(row.id, kind, after, page_size));
        for (const auto& child : page) TRY(see(child));
        more = page.size() == page_size;
        if (more) after = page.back().id.text;
      }
    }
    return {};
  }
};

}  // namespace

Result<Plan> plan_of(Transaction& t, const Resource& resource) {
  Plan plan;
  plan.resource = resource;
  Walk walk{t, plan, {}};
  TRY(walk.look_for_mounts(resource));
  TRY(walk.see(resource));
  plan.holds = TRY(t.holds().keeping(resource.id, t.now(), most_holds));
  for (const auto& hold : plan.holds) {
    walk.digest.add(hold.id.text);
    walk.blocked(hold.resource, "hold " + hold.id.text + " of " + hold.owner + " on " + hold.resource.text + ": " +
                                    hold.reason);
  }
  const auto trashed = TRY(t.trash().find(resource.id));
  if (trashed && trashed->tier == Tier::none)
    walk.blocked(resource.id, called(resource) + " is kept without an end (retention none): restore it first");
  plan.etag = walk.digest.text();
  return plan;
}

}  // namespace mayfly
