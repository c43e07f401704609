#include "app/idempotency.h"

#include <algorithm>

#include "app/ids.h"

namespace mayfly {

namespace {

constexpr std::size_t longest_key = 255;
// One transaction of the house-keeping: short beside those of requests.
constexpr std::size_t purge_batch = 256;

Status same_body(const std::string& first, const Once& once) {
  if (first == once.body) return {};
  return fail(Code::invalid,
              "this Idempotency-Key was used for this path with another body: a new request needs a new key",
              "idempotency_key_reused");
}

bool control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

}  // namespace

Result<std::optional<Outcome>> recall(Transaction& t, const Once& once) {
  if (!once) return std::optional<Outcome>();
  const auto row = TRY(t.idempotency().find(once.scope));
  // What is too old counts as forgotten, whether or not the purge has come by.
  if (!row || row->at + idempotency_retention <= t.now()) return std::optional<Outcome>();
  TRY(same_body(row->once.body, once));
  return std::optional(row->outcome);
}

Status remember(Transaction& t, const Once& once, const Outcome& outcome) {
  if (!once) return {};
  return t.idempotency().put({once, outcome, t.now()});
}

Result<Once> Idempotency::of(std::string_view key, std::string_view credential, std::string_view method,
                             std::string_view target, std::string_view body) const {
  if (key.empty() || key.size() > longest_key || std::any_of(key.begin(), key.end(), control))
    return fail(Code::invalid,
                "an Idempotency-Key has 1 to 255 characters and no control characters; this one has " +
                    std::to_string(key.size()),
                "idempotency_key_invalid");
  std::string scope;
  for (const auto part : {key, credential, method, target})
    scope += std::to_string(part.size()) + ":" + std::string(part);
  return Once{digest_(scope), digest_(body)};
}

Result<Outcome> Idempotency::begin(const Once& once, const Sandbox& sandbox) {
  return store_.write([&](Transaction& t) -> Result<Outcome> {
    if (auto first = TRY(recall(t, once))) return *first;
    Outcome outcome;
    outcome.resource = sandbox.resource.id;
    outcome.generation = sandbox.resource.generation;
    outcome.token = new_id("", t, random_);
    TRY(remember(t, once, outcome));
    return outcome;
  });
}

void Idempotency::note(const Once& once, const Outcome& outcome, std::function<void(Status)> then) {
  store_.submit([once, outcome](Transaction& t) { return remember(t, once, outcome); }, std::move(then));
}

Status Idempotency::note(const Once& once, const Outcome& outcome) {
  return store_.write([&](Transaction& t) { return remember(t, once, outcome); });
}

Result<std::optional<Outcome>> Idempotency::look(const Once& once) {
  return store_.read([&](Transaction& t) { return recall(t, once); });
}

Result<std::shared_ptr<void>> Idempotency::enter(const Once& once) {
  if (!once) return std::shared_ptr<void>();
  std::lock_guard guard(in_flight_->mutex);
  const auto [place, free] = in_flight_->calls.emplace(once.scope, once.body);
  if (!free) {
    TRY(same_body(place->second, once));
    return fail(Code::conflict, "a call with this Idempotency-Key is being worked on: ask again in a moment",
                "call_in_flight");
  }
  return std::shared_ptr<void>(nullptr, [all = in_flight_, scope = once.scope](void*) {
    std::lock_guard inner(all->mutex);
    all->calls.erase(scope);
  });
}

Result<bool> Idempotency::purge_once() {
  const auto before = clock_.now() - idempotency_retention;
  const auto old = [&](Transaction& t) { return t.idempotency().older_than(before, purge_batch); };
  // A look is cheaper than a commit, and mostly nothing is due.
  if (TRY(store_.read(old)).empty()) return false;
  return store_.write([&](Transaction& t) -> Result<bool> {
    const auto scopes = TRY(old(t));
    for (const auto& scope : scopes) TRY(t.idempotency().remove(scope));
    return scopes.size() == purge_batch;
  });
}

}  // namespace mayfly
