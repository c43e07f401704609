#include "app/keys.h"

#include <algorithm>
#include <array>

#include "app/audit.h"
#include "app/ids.h"
#include "app/seat.h"

namespace mayfly {

namespace {

// Enough to recognise a key in a list, far too little to guess the rest: "mf_" and 3 of 43 characters.
constexpr std::size_t hint_length = 6;
constexpr std::size_t secret_bytes = 43;   // 6 bits each

// More than that is a mistake in the unit; a key for ever is one that names no end.
constexpr Duration longest_ttl = std::chrono::hours(24 * 3660);

Status tell(Transaction& t, Random& random, const Caller& caller, const char* type, const ApiKey& key) {
  Resource subject;
  subject.id = {key.id.text};
  subject.workspace = key.workspace;
  std::map<std::string, std::string> data = {{"name", key.name}, {"user", key.user.text}};
  if (key.role) data["role"] = name(*key.role);
  if (key.rate) {
    data["requests_per_second"] = std::to_string(key.rate->per_second);
    data["burst"] = std::to_string(key.rate->burst);
  }
  TRY(audit(t, random, caller, type, subject, std::move(data)));
  return {};
}

/// To an admin, who sees every workspace, it is no secret why the key's user has no place in one.
Result<ResourceId> place_of(Transaction& t, const Caller& caller, const User& owner, const std::string& wanted) {
  auto seat = seat_in(t, owner.id, owner.role, {}, wanted);
  if (seat) return seat->workspace.resource.id;
  if (caller.role == Role::admin && TRY(t.identities().find_workspace(wanted)))
    return fail(Code::conflict, "user " + owner.name + " is not a member of workspace " + wanted, "not_a_member");
  return tl::unexpected(std::move(seat).error());
}

Result<ResourceId> home_of(Transaction& t, const Caller& caller, const User& owner, const NewKey& wish,
                           const std::vector<ResourceId>& limited_to) {
  if (wish.home.empty() && !limited_to.empty()) return limited_to.front();
  const auto home = TRY(place_of(t, caller, owner, wish.home.empty() ? caller.workspace.text : wish.home));
  if (limited_to.empty() || std::find(limited_to.begin(), limited_to.end(), home) != limited_to.end()) return home;
  return fail(Code::invalid, "workspace is not one of workspaces: the key could not be used at home", "home_excluded");
}

Result<std::optional<Time>> expiry_of(Transaction& t, const NewKey& wish) {
  if (!wish.ttl && !wish.expires_at) return std::optional<Time>();
  if (wish.ttl && wish.expires_at)
    return fail(Code::invalid, "give either expires_at or ttl_seconds", "expiry_ambiguous");
  const auto lasts = wish.ttl ? *wish.ttl : *wish.expires_at - t.moment().wall;
  if (lasts > longest_ttl) return fail(Code::invalid, "a key expires within ten years, or never", "expiry_too_far");
  if (lasts <= Duration::zero()) return fail(Code::invalid, "expires_at has passed already", "expiry_passed");
  return std::optional(t.now() + lasts);
}

}  // namespace

/// Six bits of each random byte.
std::string Keys::new_secret() {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, secret_bytes> bytes;
  random_.fill(bytes.data(), bytes.size());
  std::string secret = "mf_";
  for (const auto byte : bytes) secret += alphabet[byte % alphabet.size()];
  return secret;
}

Result<User> Keys::owner(Transaction& t, const Caller& caller, const std::string& id_or_name) const {
  const auto own = TRY(t.identities().find_user(caller.user.text));
  if (own && (id_or_name.empty() || id_or_name == own->id.text || id_or_name == own->name)) return *own;
  // Nobody learns here who else there is.
  TRY(require(caller, Role::admin));
  const auto other = TRY(t.identities().find_user(id_or_name));
  if (!other) return fail(Code::not_found, "no user \"" + id_or_name.substr(0, 80) + "\"", "user_not_found");
  return *other;
}

Result<MadeKey> Keys::create(const Caller& caller, const NewKey& wish) {
  TRY(require_whole_key(caller));
  TRY(check_key_name(wish.name));
  if (wish.rate) TRY(require(caller, Role::admin));
  const auto secret = new_secret();
  auto key = TRY(access_.change([&](Transaction& t) -> Result<ApiKey> {
    const User user = TRY(owner(t, caller, wish.user));
    if (!user.active) return fail(Code::conflict, "user " + user.name + " is not active", "user_inactive");
    if (wish.role && *wish.role > user.role)
      return fail(Code::invalid,
                  "role can be at most that of user " + user.name + ", which is " + std::string(name(user.role)),
                  "role_above_user");
    ApiKey made;
    made.id = {new_id("key_", t, random_)};
    made.user = user.id;
    for (const auto& wanted : wish.workspaces) made.workspaces.push_back(TRY(place_of(t, caller, user, wanted)));
    made.workspace = TRY(home_of(t, caller, user, wish, made.workspaces));
    made.hash = access_.hash_of(secret);
    made.hint = secret.substr(0, hint_length);
    made.created_at = t.now();
    made.name = wish.name;
    made.role = wish.role;
    made.rate = wish.rate;
    made.scopes = wish.scopes;
    made.expires_at = TRY(expiry_of(t, wish));
    TRY(t.identities().insert_key(made));
    TRY(tell(t, random_, caller, "key.created", made));
    return made;
  }));
  return MadeKey{std::move(key), secret};
}

Result<ApiKey> Keys::visible(Transaction& t, const Caller& caller, const KeyId& id) const {
  auto key = TRY(t.identities().find_key(id));
  if (key && (key->user == caller.user || (caller.role == Role::admin && !caller.narrowed))) return std::move(*key);
  return fail(Code::not_found, "no key \"" + id.text.substr(0, 80) + "\" of yours", "key_not_found");
}

Result<ApiKey> Keys::get(const Caller& caller, const KeyId& id) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id); });
}

Result<std::vector<ApiKey>> Keys::list(const Caller& caller, const std::string& user, const Page& page) {
  return store_.read([&](Transaction& t) -> Result<std::vector<ApiKey>> {
    KeyFilter filter;
    const bool everybody = caller.role == Role::admin && !caller.narrowed;
    if (!everybody || !user.empty()) filter.user = TRY(owner(t, caller, user)).id;
    return t.identities().list_keys(filter, page);
  });
}

Result<ApiKey> Keys::set_rate(const Caller& caller, const KeyId& id, const std::optional<RateLimit>& rate) {
  TRY(require(caller, Role::admin));
  TRY(require_whole_key(caller));
  return access_.change([&](Transaction& t) -> Result<ApiKey> {
    auto key = TRY(visible(t, caller, id));
    if (key.rate == rate) return key;
    key.rate = rate;
    TRY(t.identities().update_key(key));
    TRY(tell(t, random_, caller, "key.rate_set", key));
    return key;
  });
}

Result<ApiKey> Keys::revoke(const Caller& caller, const KeyId& id) {
  TRY(require_whole_key(caller));
  return access_.change([&](Transaction& t) -> Result<ApiKey> {
    auto key = TRY(visible(t, caller, id));
    if (key.revoked) return key;
    const bool held = TRY(house_is_held(t));
    key.revoked = true;
    key.revoked_by = caller.actor;
    TRY(t.identities().update_key(key));
    TRY(still_held(t, held));
    TRY(tell(t, random_, caller, "key.revoked", key));
    return key;
  });
}

}  // namespace mayfly
