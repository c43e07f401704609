#include "core/archive.h"

namespace mayfly {

namespace {

constexpr std::string_view content_ending = ".tar.zst";
constexpr std::string_view manifest_ending = ".manifest";
constexpr std::string_view unfinished_ending = ".partial";   // the blob store's own, of a writer that died

/// Cuts the ending off, if it is there.
bool cut(std::string_view& key, std::string_view ending) {
  if (!key.ends_with(ending)) return false;
  key.remove_suffix(ending.size());
  return true;
}

}  // namespace

Status keep_longer(Lifetime& life, const lifetime::Extension& wish, Moment now, const Downtime& down) {
  CHECK(wish.by.has_value() != wish.until.has_value());
  if (lifetime::expired(life, now, down)) return fail(Code::conflict, "it has already expired", "expired");
  const auto ends = lifetime::due(life, now, down);
  if (!ends) return {};
  const Time now_wanted = now.now + (wish.until ? *wish.until - now.wall : Duration::zero());
  const Time wanted = wish.by ? ends->at + *wish.by : now_wanted;
  if (wanted <= ends->at) return {};
  LifetimePolicy policy = life.policy;
  policy.max_age.reset();
  policy.at.reset();
  // An instant that somebody named stays one of the wall clock; days stay days of service.
  if (wish.until) policy.at = *wish.until;
  else if (life.policy.at) policy.at = *life.policy.at + *wish.by;
  else policy.max_age = wanted - life.born_at;
  lifetime::set(life, policy, now, down);
  return {};
}

std::string new_archive_key(const ResourceId& workspace, const ResourceId& sandbox, const ResourceId& archive) {
  return workspace.text + "/" + sandbox.text + "/" + archive.text + std::string(content_ending);
}

std::string manifest_key(const Archive& archive) { return archive.key + std::string(manifest_ending); }

std::optional<ResourceId> archive_of_key(std::string_view key) {
  cut(key, unfinished_ending);
  cut(key, manifest_ending);
  if (!cut(key, content_ending)) return std::nullopt;
  const ResourceId id{std::string(key.substr(key.rfind('/') + 1))};
  return kind_of_id(id.text) == Kind::archive ? std::optional(id) : std::nullopt;
}

}  // namespace mayfly
