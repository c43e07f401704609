#pragma once
// Idempotency-Key: the same request twice is one effect and one answer.
//
// A use case recalls in the transaction of its effect, before it, and remembers in the same one: effect and memory
// commit together, and of parallel repeats the later ones find what the first one wrote. Refusals are not remembered:
// they changed nothing.

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "core/idempotency.h"
#include "core/sandbox.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

/// What came of the first one; nothing: this is it. invalid, idempotency_key_reused: the first one sent another body.
Result<std::optional<Outcome>> recall(Transaction& t, const Once& once);
Status remember(Transaction& t, const Once& once, const Outcome& outcome);

class Idempotency {
 public:
  using Digest = std::function<std::string(std::string_view)>;
  Idempotency(Store& store, Random& random, const Clock& clock, Digest digest)
      : store_(store), random_(random), clock_(clock), digest_(std::move(digest)) {}

  /// `target` is path and query as sent. invalid unless the key has 1 to 255 characters, none of them a control one.
  Result<Once> of(std::string_view key, std::string_view credential, std::string_view method, std::string_view target,
                  std::string_view body) const;

  /// For effects outside of the database: the intent is a row before the command reaches its agent, under a token that
  /// the agent remembers. The outcome of the first one, if there was one.
  Result<Outcome> begin(const Once& once, const Sandbox& sandbox);
  /// In a transaction of its own; `then` runs once it is durable, or could not be written.
  void note(const Once& once, const Outcome& outcome, std::function<void(Status)> then);
  Status note(const Once& once, const Outcome& outcome);
  Result<std::optional<Outcome>> look(const Once& once);

  /// The place of a call that waits for longer than a transaction; it is free again when the last copy goes. conflict,
  /// call_in_flight: a call under the same key has it. A hint: after a restart the row and the agent still know.
  Result<std::shared_ptr<void>> enter(const Once& once);

  /// Forgets a batch of what is older than the retention. False: there was no more.
  Result<bool> purge_once();

 private:
  Store& store_;
  Random& random_;
  const Clock& clock_;
  const Digest digest_;
  struct InFlight {
    std::mutex mutex;
    std::map<std::string, std::string> calls;   // scope and body
  };
  // A parked call may end after us.
  const std::shared_ptr<InFlight> in_flight_ = std::make_shared<InFlight>();
};

}  // namespace mayfly
