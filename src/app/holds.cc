#include "app/holds.h"

#include "app/audit.h"
#include "app/ids.h"
#include "app/kinds.h"

namespace mayfly {

namespace {

Result<Hold> visible(Transaction& t, const Caller& caller, const std::string& id) {
  auto hold = t.holds().get({id});
  if (!hold && hold.error().code != Code::not_found) return hold;
  if (!hold || hold->workspace != caller.workspace)
    return fail(Code::not_found, "no hold \"" + id.substr(0, 80) + "\" in this workspace", "hold_not_found");
  return hold;
}

Result<Resource> subject_of(Transaction& t, const Caller& caller, const std::string& id) {
  const auto kind = kind_of_id(id);
  auto row = t.resources().get({id});
  if (!row && row.error().code != Code::not_found) return row;
  const bool there = row && kind && *kind != Kind::image && row->workspace == caller.workspace &&
                     row->state != State::gone;
  if (there) return row;
  return fail(Code::not_found, "nothing \"" + id.substr(0, 80) + "\" in this workspace", "resource_not_found");
}

}  // namespace

Result<Hold> Holds::make(const Caller& caller, const std::string& resource, const std::string& reason,
                         std::optional<WallTime> until) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<Hold> {
    const auto subject = TRY(subject_of(t, caller, resource));
    if (subject.state == State::deleting)
      return fail(Code::conflict, called(subject) + " is being deleted already", "state_deleting");
    const auto now = t.moment();
    if (until && *until <= now.wall)
      return tl::unexpected(Error{Code::invalid, "expires_at lies in the past: " + format(*until),
                                  "expires_in_the_past", {{"expires_at", "a time to come", format(*until)}}});
    Hold hold;
    hold.id = {new_id("hld_", t, random_)};
    hold.resource = subject.id;
    hold.parent = subject.parent;
    hold.workspace = subject.workspace;
    hold.owner = caller.actor;
    hold.reason = reason;
    hold.created_at = now.now;
    if (until) hold.expires_at = now.now + (*until - now.wall);
    TRY(t.holds().insert(hold));
    TRY(audit(t, random_, caller, "hold.made", subject, {{"hold", hold.id.text}, {"reason", reason}}));
    return hold;
  });
}

Result<Hold> Holds::get(const Caller& caller, const std::string& id) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id); });
}

Result<Hold> Holds::end(const Caller& caller, const std::string& id) {
  return store_.write([&](Transaction& t) -> Result<Hold> {
    auto hold = TRY(visible(t, caller, id));
    TRY(require(caller, Role::member));
    if (hold.owner != caller.actor && !require(caller, Role::admin))
      return fail(Code::denied, "hold " + hold.id.text + " is " + hold.owner + "'s: they or an admin end it",
                  "not_the_owner");
    if (hold.ended_at) return hold;
    hold.ended_at = t.now();
    hold.ended_by = caller.actor;
    TRY(t.holds().update(hold));
    Resource subject;
    subject.id = hold.resource;
    subject.workspace = hold.workspace;
    TRY(audit(t, random_, caller, "hold.ended", subject, {{"hold", hold.id.text}}));
    return hold;
  });
}

}  // namespace mayfly
