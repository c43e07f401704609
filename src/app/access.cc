#include "app/access.h"

namespace mayfly {

namespace {
// Only keys that exist are remembered, so guessing cannot fill this.
constexpr std::size_t cache_limit = 10'000;
}  // namespace

Result<Caller> Access::caller_of(const std::string& secret, const std::string& request_id) {
  const auto hash = hash_(secret);
  std::unique_lock guard(mutex_);
  if (const auto known = known_.find(hash); known != known_.end()) {
    auto caller = known->second;
    caller.request_id = request_id;
    return caller;
  }
  const auto asked_at = version_;
  guard.unlock();
  auto caller = TRY(look_up(hash));
  guard.lock();
  // What was read before a change may be what that change has ended: good for this request, which came before it.
  if (version_ == asked_at) {
    if (known_.size() >= cache_limit) known_.clear();
    known_[hash] = caller;
  }
  caller.request_id = request_id;
  return caller;
}

Result<Caller> Access::look_up(const std::string& hash) {
  return store_.read([&](Transaction& t) -> Result<Caller> {
    const auto unknown = fail(Code::unauthenticated, "this API key is not known here", "key_unknown");
    const auto key = TRY(t.identities().find_key(hash));
    if (!key || key->revoked) return unknown;
    const auto user = TRY(t.identities().find_user(key->user.text));
    if (!user || !user->active) return unknown;
    return Caller{user->id, "user:" + user->name, user->role, key->workspace, {}};
  });
}

void Access::forget() {
  std::lock_guard guard(mutex_);
  ++version_;
  known_.clear();
}

}  // namespace mayfly
