#include "app/data_tokens.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "app/seat.h"

namespace mayfly {

namespace {

constexpr std::string_view secret_setting = "data_token.secret";

std::string hex_of(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

/// In the same time wherever they differ.
bool same(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  return difference == 0;
}

struct Parts {
  std::string signed_text;     // all before the signature
  std::string signature;
  ResourceId sandbox;
  KeyId key;
  std::int64_t halts = 0;
  Time expires_at{};
};

/// mst_SANDBOX.KEY.HALTS.MICROSECONDS.SIGNATURE would have dots, which other tokens have: they are hyphens.
std::optional<Parts> parts_of(std::string_view token) {
  Parts parts;
  const auto last = token.rfind('-');
  if (last == token.npos) return std::nullopt;
  parts.signed_text = token.substr(0, last);
  parts.signature = token.substr(last + 1);
  auto left = std::string_view(parts.signed_text).substr(DataTokens::prefix.size());
  std::array<std::string_view, 4> fields;
  for (auto& field : fields) {
    field = left.substr(0, left.find('-'));
    left.remove_prefix(std::min(left.size(), field.size() + 1));
  }
  std::int64_t expires = 0;
  const auto number = [](std::string_view text, std::int64_t& into) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    return error == std::errc() && end == text.data() + text.size();
  };
  if (!left.empty() || !number(fields[2], parts.halts) || !number(fields[3], expires)) return std::nullopt;
  parts.sandbox = {std::string(describe(Kind::sandbox).prefix) + std::string(fields[0])};
  parts.key = {"key_" + std::string(fields[1])};
  parts.expires_at = service_time(expires);
  return parts;
}

tl::unexpected<Error> over(const std::string& why) {
  return fail(Code::unauthenticated, "this sandbox token is over: " + why + ". Start or reconnect gives a new one",
              "token_over");
}

}  // namespace

std::string DataTokens::sign(std::string_view text) const { return hex_of(mac_(secret_, text)); }

DataTokens::Made DataTokens::make(const Caller& caller, const Sandbox& sandbox) const {
  const auto expires_at = clock_.now() + lifetime_;
  const auto& key = caller.key.text;
  const auto text = std::string(prefix) + hex(uid_of(sandbox.resource.id)) + "-" +
                    key.substr(std::min<std::size_t>(key.size(), 4)) + "-" + std::to_string(sandbox.halts) + "-" +
                    std::to_string(microseconds(expires_at));
  return {text + "-" + sign(text), expires_at};
}

Result<Caller> DataTokens::caller_of(const std::string& token, const std::string& id_or_name,
                                     const std::string& request_id) const {
  const auto parts = is_one(token) ? parts_of(token) : std::optional<Parts>();
  if (!parts || !same(parts->signature, sign(parts->signed_text)))
    return fail(Code::unauthenticated, "this is no sandbox token of this server", "token_invalid");
  const auto now = clock_.now();
  if (parts->expires_at <= now) return over("its time has passed");
  return store_.read([&](Transaction& t) -> Result<Caller> {
    const auto sandbox = t.sandboxes().get(parts->sandbox);
    if (!sandbox && sandbox.error().code != Code::not_found) return tl::unexpected(sandbox.error());
    if (!sandbox || sandbox->resource.state != State::running || sandbox->halts != parts->halts)
      return over("its sandbox has been paused, stopped or ended since");
    const auto key = TRY(t.identities().find_key(parts->key));
    const auto user = key ? TRY(t.identities().find_user(key->user.text)) : std::optional<User>();
    if (!user || !usable(*user, *key, now)) return over("the key that it was made with is");
    const auto& workspace = sandbox->resource.workspace;
    const auto seat = seat_in(t, user->id, reach_of(*user, *key), key->workspaces, workspace.text);
    if (!seat) return over("its holder has left the workspace");
    if (id_or_name != sandbox->resource.id.text && id_or_name != sandbox->resource.name)
      return fail(Code::denied, "this token opens sandbox " + sandbox->resource.id.text + " and no other",
                  "token_elsewhere");
    Caller caller{user->id, "user:" + user->name, seat->role, workspace, request_id};
    caller.key = key->id;
    caller.only = key->workspaces;
    caller.narrowed = true;
    return caller;
  });
}

Result<std::string> data_token_secret(Store& store, Random& random) {
  return store.write([&](Transaction& t) -> Result<std::string> {
    const std::string name(secret_setting);
    if (const auto there = TRY(t.settings().get(name))) return *there;
    std::array<char, 32> bytes;
    random.fill(bytes.data(), bytes.size());
    const auto secret = hex_of({bytes.data(), bytes.size()});
    TRY(t.settings().put(name, secret));
    return secret;
  });
}

}  // namespace mayfly
