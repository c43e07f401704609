#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "app/rate_limits.h"
#include "core/caller.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// Who is calling. Keys are looked up by the hash of their secret; what was found is remembered, so that a request
/// costs no query.
class Access {
 public:
  using Hash = std::function<std::string(std::string_view)>;
  Access(Store& store, Hash hash, const Clock& clock) : store_(store), hash_(std::move(hash)), clock_(clock) {}

  /// Set before the first call comes in.
  RateLimits limits;

  /// In the workspace of that id or slug, or at the key's home when it is empty. unauthenticated for an unknown,
  /// revoked, expired or inactive one; the message never repeats the secret. not_found for a workspace that is not
  /// there for this key. exhausted for one that calls faster than it may.
  Result<Caller> caller_of(const std::string& secret, const std::string& request_id,
                           const std::string& workspace = {});

  /// The one way to change keys and people while requests are served: when it returns, whoever the change shuts out is
  /// out.
  template <class Body>
  auto change(Body body) -> decltype(body(std::declval<Transaction&>())) {
    auto done = store_.write(std::move(body));
    forget();
    return done;
  }

  /// The organization of that id or slug. not_found, organization_not_found.
  Result<ResourceId> organization(const std::string& id_or_slug);

  std::string hash_of(std::string_view secret) const { return hash_(secret); }

  /// Writes down when keys were last used: each at most once a minute, all of them when the server stops.
  Status flush(bool all = false);

 private:
  struct Known {
    Caller caller;
    std::optional<Time> expires_at;
    std::optional<RateLimit> rate;
  };
  struct Use {
    Time last{};
    std::optional<Time> recorded;        // what the store says
    Time recorded_at{};
  };
  struct Question {
    std::string hash;
    std::string workspace;               // as it was asked for
    auto operator<=>(const Question&) const = default;
  };

  Result<Known> look_up(const Question& question);
  Result<Caller> enter(Known known, const std::string& request_id);
  void forget();

  Store& store_;
  Hash hash_;
  const Clock& clock_;
  std::mutex mutex_;
  std::uint64_t version_ = 0;            // of what the store says about keys and people, as far as we know
  std::map<Question, Known> known_;      // as of that version
  std::map<KeyId, Use> uses_;
  std::map<std::string, ResourceId> organizations_;   // that there are; they never change
};

}  // namespace mayfly
