#include "app/pool.h"

#include <algorithm>

#include "app/audit.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

// An image that cannot be started would be tried again without a pause.
constexpr Duration after_failure = 30s;
constexpr std::size_t most_rows = 4096;

Caller pool_itself() { return Caller::system("pool", {}); }

bool starts(State state) { return state == State::requested || state == State::starting; }

/// Neither a way out nor files can be given to a container that runs.
bool fits(const SandboxSpec& wish) { return wish.network == NetworkAccess::none && wish.restore_from.empty(); }

}  // namespace

std::unique_ptr<Pool::Offer> Pool::offer(const SandboxSpec& wish) {
  if (!fits(wish)) return nullptr;
  {
    std::lock_guard guard(mutex_);
    if (ready_.empty()) return nullptr;
  }
  auto digest = wish.image_digest;
  if (digest.empty()) {
    const auto image = store_.read([&](Transaction& t) { return t.images().find(wish.image); });
    if (!image || !*image) return nullptr;
    digest = (*image)->digest;
  }
  auto offer = next_ready(digest);
  if (!offer) return nullptr;
  if (!set_limits(*offer, wish.resources)) return nullptr;
  return offer;
}

/// One that waits here was never stopped and started again: its first generation runs.
Incarnation Pool::incarnation_of(const ResourceId& id) const { return {installation_.instance, uid_of(id), 1}; }

Status Pool::set_limits(Offer& offer, const Resources& wished) {
  {
    std::lock_guard guard(mutex_);
    const auto known = as_planted_.find(offer.id());
    if (known != as_planted_.end() && wished == SandboxSpec().resources) {
      offer.caveats = known->second;
      return {};
    }
    // Whoever refuses the claim gives it back with these limits.
    as_planted_.erase(offer.id());
  }
  FAILPOINT("claim_sandbox.before_limits");
  offer.caveats = TRY(driver_.limit(incarnation_of(offer.id()), wished));
  FAILPOINT("claim_sandbox.after_limits");
  return {};
}

/// Once for each, while nobody waits: most claims then find their limits set.
void Pool::prepare(const ResourceId& id) {
  {
    std::lock_guard guard(mutex_);
    if (as_planted_.contains(id) || !locks_.try_lock(uid_of(id))) return;
  }
  auto caveats = driver_.limit(incarnation_of(id), SandboxSpec().resources);
  std::lock_guard guard(mutex_);
  if (caveats) as_planted_.emplace(id, std::move(*caveats));
  locks_.unlock(uid_of(id));
}

std::unique_ptr<Pool::Offer> Pool::next_ready(const std::string& digest) {
  std::lock_guard guard(mutex_);
  const auto found = ready_.find(digest);
  if (found == ready_.end() || found->second.empty()) return nullptr;
  const auto id = found->second.back();
  found->second.pop_back();
  if (!locks_.try_lock(uid_of(id))) return nullptr;
  offered_.insert(id);
  return std::make_unique<Offer>(*this, id);
}

void Pool::withdraw(const ResourceId& id) {
  {
    std::lock_guard guard(mutex_);
    offered_.erase(id);
  }
  locks_.unlock(uid_of(id));
  taken();
}

Result<std::optional<Sandbox>> Pool::take(Transaction& t, const Offer& offer, const SandboxSpec& wish) {
  auto row = TRY(t.sandboxes().get(offer.id()));
  if (!pooled(row) || row.resource.state != State::running || row.spec.image_digest != wish.image_digest)
    return std::optional<Sandbox>();
  return std::optional(std::move(row));
}

std::map<std::string, int> Pool::ready() const {
  std::lock_guard guard(mutex_);
  std::map<std::string, int> counts;
  for (const auto& [digest, ids] : ready_) counts[digest] = static_cast<int>(ids.size());
  return counts;
}

Status Pool::run_once() {
  auto next = TRY(store_.read([&](Transaction& t) { return plan(t); }));
  std::map<std::string, std::vector<ResourceId>> standing;
  {
    std::lock_guard guard(mutex_);
    ready_ = std::move(next.ready);
    for (auto& [digest, ids] : ready_) std::erase_if(ids, [&](const auto& id) { return offered_.contains(id); });
    standing = ready_;
    std::erase_if(as_planted_, [&](const auto& known) { return !next.rows.contains(known.first); });
  }
  for (const auto& [digest, ids] : standing)
    for (const auto& id : ids) prepare(id);
  if (next.plant && !may_plant()) next.plant.reset();
  if (next.drop.empty() && !next.plant) return {};
  return store_.write([&](Transaction& t) -> Status {
    for (const auto& id : next.drop) TRY(drop(t, id));
    return next.plant ? plant(t, *next.plant) : Status();
  });
}

Result<Pool::Plan> Pool::plan(Transaction& t) {
  Plan plan;
  const auto wishes = TRY(wanted(t));
  std::map<std::string, int> have;
  bool starting = false;
  for (const auto& row : TRY(t.sandboxes().list({.workspace = {}, .states = {}, .labels = {}, .image = {}},
                                                {.before = {}, .limit = most_rows}))) {
    const auto state = row.resource.state;
    const auto& digest = row.spec.image_digest;
    if (state == State::deleting) continue;
    plan.rows.insert(row.resource.id);
    if (state == State::failed) not_before_ = t.now() + after_failure;
    const auto wish =
        std::find_if(wishes.begin(), wishes.end(), [&](const auto& each) { return each.image_digest == digest; });
    const bool useful = starts(state) || state == State::running;
    if (!useful || wish == wishes.end() || have[digest] == sizes_.at(wish->image)) {
      plan.drop.push_back(row.resource.id);
      continue;
    }
    ++have[digest];
    starting = starting || starts(state);
    if (state == State::running) plan.ready[digest].push_back(row.resource.id);
  }
  if (starting || t.now() < not_before_) return plan;
  for (const auto& wish : wishes)
    if (!plan.plant && have[wish.image_digest] < sizes_.at(wish.image)) plan.plant = wish;
  return plan;
}

/// The images that are here, each once: two names of one image share what stands ready under the first.
Result<std::vector<SandboxSpec>> Pool::wanted(Transaction& t) const {
  std::vector<SandboxSpec> wishes;
  std::set<std::string> digests;
  for (const auto& [image, size] : sizes_) {
    const auto found = TRY(t.images().find(image));
    if (!found || size == 0 || !digests.insert(found->digest).second) continue;
    SandboxSpec spec;
    spec.image = image;
    spec.image_digest = found->digest;
    wishes.push_back(std::move(spec));
  }
  return wishes;
}

Status Pool::plant(Transaction& t, const SandboxSpec& spec) {
  Sandbox sandbox;
  sandbox.resource.id = {new_id("sbx_", t, random_)};
  sandbox.resource.kind = Kind::sandbox;
  sandbox.resource.name = sandbox.resource.id.text;
  sandbox.resource.generation = 1;
  sandbox.resource.created_at = sandbox.resource.updated_at = t.now();
  sandbox.spec = spec;
  sandbox.lifetime = lifetime::begin(sandbox.resource.id, State::requested, {}, t.moment());
  sandbox.lifetime.generation = 1;
  set_state(sandbox, State::requested);
  sandbox.work.next_attempt_at = t.now();
  t.wakes.work(lane_of(sandbox));
  return t.sandboxes().insert(sandbox);
}

/// Nobody ever had it: there is nothing in it to keep.
Status Pool::drop(Transaction& t, const ResourceId& id) {
  const auto row = TRY(t.sandboxes().get(id));
  if (!pooled(row) || row.resource.state == State::deleting || row.resource.state == State::gone) return {};
  DeleteRequest request;
  request.policy.archive = false;
  request.reason = "pool";
  TRY(deletion_.begin(t, pool_itself(), row, request));
  return {};
}

}  // namespace mayfly
