#include "app/access.h"

#include "app/seat.h"

namespace mayfly {

namespace {

// Only keys that exist are remembered, so guessing cannot fill this.
constexpr std::size_t cache_limit = 10'000;
// People look for keys that nobody uses any more: that takes days, not seconds.
constexpr Duration between_records = 60s;

Error unknown_key() { return {Code::unauthenticated, "this API key is not known here", "key_unknown", {}}; }

}  // namespace

Result<Caller> Access::caller_of(const std::string& secret, const std::string& request_id,
                                 const std::string& workspace) {
  const Question question{hash_(secret), workspace};
  std::unique_lock guard(mutex_);
  if (const auto known = known_.find(question); known != known_.end()) return enter(known->second, request_id);
  const auto asked_at = version_;
  guard.unlock();
  auto found = TRY(look_up(question));
  guard.lock();
  // What was read before a change may be what that change has ended: good for this request, which came before it.
  if (version_ == asked_at) {
    if (known_.size() >= cache_limit) known_.clear();
    known_[question] = found;
  }
  return enter(std::move(found), request_id);
}

/// The clock decides at every request, however long ago the key was looked up. Called with the lock held.
Result<Caller> Access::enter(Known known, const std::string& request_id) {
  const auto now = clock_.now();
  if (known.expires_at && now >= *known.expires_at)
    return fail(Code::unauthenticated, "this API key has expired", "key_expired");
  TRY(limits.take(known.caller.key, known.rate, now));
  if (uses_.size() >= cache_limit) uses_.clear();
  uses_[known.caller.key].last = now;
  known.caller.request_id = request_id;
  return std::move(known.caller);
}

Result<Access::Known> Access::look_up(const Question& question) {
  return store_.read([&](Transaction& t) -> Result<Known> {
    const auto key = TRY(t.identities().find_key(question.hash));
    if (!key || key->revoked) return tl::unexpected(unknown_key());
    const auto user = TRY(t.identities().find_user(key->user.text));
    if (!user || !user->active) return tl::unexpected(unknown_key());
    // Before the workspace: to a key that has expired, none of them is there or not there.
    if (!usable(*user, *key, clock_.now()))
      return fail(Code::unauthenticated, "this API key has expired", "key_expired");
    const auto& wanted = question.workspace.empty() ? key->workspace.text : question.workspace;
    const auto seat = TRY(seat_in(t, user->id, reach_of(*user, *key), key->workspaces, wanted));
    Caller caller{user->id, "user:" + user->name, seat.role, seat.workspace.resource.id, {}};
    caller.key = key->id;
    caller.only = key->workspaces;
    caller.narrowed = narrowed(*user, *key);
    return Known{std::move(caller), key->expires_at, key->rate};
  });
}

Result<ResourceId> Access::organization(const std::string& id_or_slug) {
  {
    std::lock_guard guard(mutex_);
    if (const auto known = organizations_.find(id_or_slug); known != organizations_.end()) return known->second;
  }
  return store_.read([&](Transaction& t) -> Result<ResourceId> {
    // There is one so far, and it may be called by its id too.
    const auto found = TRY(t.identities().find_organization("default"));
    if (!found || (id_or_slug != found->name && id_or_slug != found->id.text))
      return fail(Code::not_found, "no organization \"" + id_or_slug.substr(0, 80) + "\" for this key",
                  "organization_not_found");
    std::lock_guard guard(mutex_);
    organizations_[id_or_slug] = found->id;
    return found->id;
  });
}

void Access::forget() {
  std::lock_guard guard(mutex_);
  ++version_;
  known_.clear();
}

Status Access::flush(bool all) {
  const auto now = clock_.now();
  std::vector<std::pair<KeyId, Time>> due;
  {
    std::lock_guard guard(mutex_);
    for (const auto& [key, use] : uses_)
      if (!use.recorded || (use.last > *use.recorded && (all || now - use.recorded_at >= between_records)))
        due.emplace_back(key, use.last);
  }
  if (due.empty()) return {};
  TRY(store_.write([&](Transaction& t) -> Status {
    for (const auto& [key, at] : due) TRY(t.identities().touch_key(key, at));
    return {};
  }));
  std::lock_guard guard(mutex_);
  for (const auto& [key, at] : due)
    if (const auto use = uses_.find(key); use != uses_.end()) {
      use->second.recorded = at;
      use->second.recorded_at = now;
    }
  return {};
}

}  // namespace mayfly
