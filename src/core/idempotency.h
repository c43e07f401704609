#pragma once
// A request that may come twice, because its caller never heard of the first one: how it is known again, and what is
// remembered of it.

#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "base/time.h"

namespace mayfly {

/// For so long a repeated request has its first answer.
constexpr Duration idempotency_retention = std::chrono::hours(24);

/// A request under an Idempotency-Key. The empty one came without a key: nothing is looked up and nothing kept.
struct Once {
  std::string scope;   // digest of the key, the API key and workspace, the method and the path with its query
  std::string body;    // digest of what was sent
  explicit operator bool() const { return !scope.empty(); }
};

/// What came of it, as far as its answer is made from this: ids and times, neither bodies nor secrets.
struct Outcome {
  int status = 0;                   // only of calls whose answer is nothing but a status and ids
  ResourceId resource{};
  TaskId task{};
  int generation = 0;               // the container that a command was meant for
  std::string token{};              // what the agent knows the command by, until the process is known
  std::int64_t process = 0;
  std::optional<Time> expires_at{};
  std::optional<Time> limit_at{};
  bool clamped = false;
};

/// A row.
struct Remembered {
  Once once;
  Outcome outcome;
  Time at{};
};

}  // namespace mayfly
