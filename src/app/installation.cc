#include "app/installation.h"

#include <algorithm>
#include <charconv>

#include "app/audit.h"
#include "app/clock_note.h"
#include "app/ids.h"
#include "app/seat.h"

namespace mayfly {

namespace {

// What was written last is younger than the record of the clock by this much whenever a server dies, and no deadline
// comes later for it than one that was put off.
constexpr Duration usual_lag = 1s;
constexpr Duration longest_believable_gap = std::chrono::hours(7 * 24);

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

Result<ResourceId> ensure_default_workspace(Transaction& t, Random& random) {
  if (const auto found = TRY(t.identities().find_workspace("default"))) return found->resource.id;
  Resource organization;
  organization.id = {new_id("org_", t, random)};
  organization.kind = Kind::organization;
  organization.name = "default";
  organization.created_at = organization.updated_at = t.now();
  TRY(t.identities().insert_organization(organization));

  Workspace workspace;
  workspace.resource = organization;
  workspace.resource.id = {new_id("wsp_", t, random)};
  workspace.resource.kind = Kind::workspace;
  workspace.resource.parent = organization.id;
  workspace.resource.workspace = workspace.resource.id;
  TRY(t.identities().insert_workspace(workspace));
  TRY(audit(t, random, Caller::system("start", workspace.resource.id), "workspace.created", workspace.resource));
  return workspace.resource.id;
}

Result<UserId> ensure_admin(Transaction& t, Random& random) {
  // It may be called differently by now.
  if (const auto found = TRY(t.identities().find_user(1))) return found->id;
  if (const auto found = TRY(t.identities().find_user("admin"))) return found->id;
  User admin{{new_id("usr_", t, random)}, 1, "admin", Role::admin, true, t.now()};
  TRY(t.identities().insert_user(admin));
  return admin.id;
}

Status ensure_key(Transaction& t, Random& random, const UserId& user, const ResourceId& workspace,
                  const std::string& hash, const std::string& hint) {
  auto known = TRY(t.identities().find_key(hash));
  if (known && !known->revoked) return {};
  // Somebody took it back by hand, and others still open the house: a restart does not give it out again.
  if (known && !known->revoked_by.empty() && TRY(house_is_held(t))) return {};
  // The key of an earlier start is no longer in anybody's hand: MAYFLY_ADMIN_KEY has replaced it. Those that were made
  // by the API have a name and stay.
  for (auto key : TRY(t.identities().keys())) {
    if (key.user != user || key.revoked || !key.name.empty()) continue;
    key.revoked = true;
    TRY(t.identities().update_key(key));
  }
  if (known) {
    known->revoked = false;
    known->revoked_by.clear();
    return t.identities().update_key(*known);
  }
  return t.identities().insert_key({{new_id("key_", t, random)}, user, workspace, hash, hint, t.now(), false});
}

Result<std::string> ensure_instance(Transaction& t, Random& random) {
  if (const auto found = TRY(t.settings().get("instance"))) return *found;
  const auto instance = hex(new_uuid(t, random)).substr(20, 8);
  TRY(t.settings().put("instance", instance));
  return instance;
}

Result<std::int64_t> next_epoch(Transaction& t) {
  const auto last = TRY(t.settings().get("epoch"));
  const std::int64_t epoch = (last ? number(*last).value_or(0) : 0) + 1;
  TRY(t.settings().put("epoch", std::to_string(epoch)));
  TRY(t.tasks().release_claims_of_others(epoch, t.now()));
  TRY(t.sandboxes().release_claims_of_others(epoch, t.now()));
  return epoch;
}

constexpr std::size_t granted_page = 10'000;   // deadlines that are counted, at most, for the event of a grace

std::string text_of(const std::vector<Grace>& owed) {
  std::string text;
  for (const auto& [from, until, ends] : owed)
    for (const auto& at : {from, until, ends}) text += std::to_string(microseconds(at)) + " ";
  return text;
}

std::vector<Grace> read_owed(std::string_view text) {
  std::vector<Time> times;
  for (auto space = text.find(' '); space != std::string_view::npos; space = text.find(' ')) {
    times.push_back(service_time(number(text.substr(0, space)).value_or(0)));
    text.remove_prefix(space + 1);
  }
  std::vector<Grace> owed;
  for (std::size_t i = 0; i + 2 < times.size(); i += 3) owed.push_back({times[i], times[i + 1], times[i + 2]});
  return owed;
}

/// As `put_downtime` wrote it; an end that is no number is none.
Result<Downtime> read_downtime(Transaction& t) {
  Downtime down;
  const auto from = TRY(t.settings().get("down.from"));
  const auto until = TRY(t.settings().get("down.until"));
  const auto owed = TRY(t.settings().get("down.owed"));
  if (!from || !until) return down;
  down.from = service_time(number(*from).value_or(0));
  const auto end = number(*until);
  down.over = end.has_value();
  down.until = end ? service_time(*end) : down.from;
  if (owed) down.owed = read_owed(*owed);
  return down;
}

Result<std::optional<ClockRecord>> read_clock(Transaction& t) {
  const auto boot = TRY(t.settings().get("clock.boot_id"));
  const auto boottime = TRY(t.settings().get("clock.boottime"));
  const auto time = TRY(t.settings().get("clock.time"));
  if (!boot || !boottime || !time) return std::optional<ClockRecord>();
  ClockRecord record{*boot, Duration(number(*boottime).value_or(0)), service_time(number(*time).value_or(0))};
  // It is hours old where the machine slept since, or where a start died before its first second: what was written
  // after it was a sign of life too, and must not come to lie in the future.
  const auto down = TRY(read_downtime(t));
  auto seen = std::max({record.time, down.over ? down.until : down.from, TRY(noted_clock(t))});
  for (const auto& event : TRY(t.events().list({}, {.before = {}, .limit = 1}))) seen = std::max(seen, event.at);
  if (seen - record.time <= usual_lag) return record;
  record.boottime += seen - record.time;
  record.time = seen;
  return record;
}

Status put_downtime(Transaction& t, const Downtime& down) {
  TRY(t.settings().put("down.from", std::to_string(microseconds(down.from))));
  TRY(t.settings().put("down.until", down.over ? std::to_string(microseconds(down.until)) : ""));
  return t.settings().put("down.owed", text_of(down.owed));
}

Status put_clock(Transaction& t, const ClockRecord& record) {
  TRY(t.settings().put("clock.boot_id", record.boot_id));
  TRY(t.settings().put("clock.boottime", std::to_string(record.boottime.count())));
  return t.settings().put("clock.time", std::to_string(microseconds(record.time)));
}

}  // namespace

ClockStart continue_clock(const std::optional<ClockRecord>& record, const std::string& boot_id, Duration boottime,
                          WallTime wall, bool trusted) {
  const Duration wall_since_epoch = wall.time_since_epoch();
  if (!record) return {wall_since_epoch - boottime, boot_id};
  const Duration stored = record->time.time_since_epoch();
  if (record->boot_id == boot_id) return {stored - record->boottime, boot_id};
  const bool behind = wall_since_epoch < stored;
  const bool jumped = !trusted && wall_since_epoch - stored > longest_believable_gap;
  return {(behind || jumped ? stored : wall_since_epoch) - boottime, jumped ? record->boot_id : boot_id, jumped};
}

Result<std::optional<ClockRecord>> load_clock(Store& store) {
  return store.read([](Transaction& t) { return read_clock(t); });
}

Status save_clock(Store& store, const std::string& boot_id, Duration boottime, Time now) {
  return store.write([&](Transaction& t) { return put_clock(t, {boot_id, boottime, now}); });
}

Result<Installation> open_installation(Store& store, Random& random, const std::string& admin_key_hash,
                                       const std::string& admin_key_hint, const ClockStart& clock) {
  return store.write([&](Transaction& t) -> Result<Installation> {
    Installation made;
    const auto seen = TRY(read_clock(t));
    made.down = lifetime::next_downtime(TRY(read_downtime(t)), seen ? seen->time : t.now(), t.now());
    made.down.over = !clock.jumped;
    TRY(put_downtime(t, made.down));
    // At once: a life that ends in its first second has told its downtime by this clock, and of a boot that the record
    // does not know the next start would ask the wall clock, which may have been set meanwhile.
    TRY(put_clock(t, {clock.boot_id, t.now().time_since_epoch() - clock.base, t.now()}));
    made.instance = TRY(ensure_instance(t, random));
    made.workspace = TRY(ensure_default_workspace(t, random));
    const auto admin = TRY(ensure_admin(t, random));
    if (!admin_key_hash.empty())
      TRY(ensure_key(t, random, admin, made.workspace, admin_key_hash, admin_key_hint));
    made.epoch = TRY(next_epoch(t));
    return made;
  });
}

Status end_downtime(Store& store, Random& random, Installation& installation) {
  if (!installation.down.over) return {};
  return store.write([&](Transaction& t) -> Status {
    auto& down = installation.down;
    down.until = std::max(down.from, t.now());
    TRY(put_downtime(t, down));
    std::size_t granted = 0;
    for (const auto& life : TRY(t.lifetimes().waking(down.until, granted_page)))
      granted += lifetime::in_grace(life, t.moment(), down);
    if (granted == 0) return {};
    const auto workspace = TRY(t.identities().find_workspace(installation.workspace.text));
    TRY(audit(t, random, Caller::system("start", installation.workspace), "downtime.grace_granted",
              workspace.value().resource,
              {{"deadlines", std::to_string(granted)},
               {"down_from", format(down.from)},
               {"down_until", format(down.until)},
               {"until", format(down.until + lifetime::downtime_grace)}}));
    return {};
  });
}

}  // namespace mayfly
