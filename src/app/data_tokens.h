#pragma once
// Tokens for the data plane: they open the ports of one sandbox, for a while, and nothing else. They are signed, not
// stored. One is over when its time is, when its sandbox is paused, stopped or deleted, when the key that it was made
// with is, and when whoever holds that key has lost the workspace.

#include "core/caller.h"
#include "core/query/cursor.h"
#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

class DataTokens {
 public:
  static constexpr std::string_view prefix = "mst_";

  DataTokens(Store& store, const Clock& clock, std::string secret, query::Mac mac, Duration lifetime = 1h)
      : store_(store), clock_(clock), secret_(std::move(secret)), mac_(std::move(mac)), lifetime_(lifetime) {}

  struct Made {
    std::string text;
    Time expires_at{};
  };
  Made make(const Caller& caller, const Sandbox& sandbox) const;

  static bool is_one(std::string_view secret) { return secret.starts_with(prefix); }
  /// Who is behind it, if it opens that sandbox (id or name). unauthenticated, token_invalid or token_over; denied,
  /// token_elsewhere, for every other sandbox, whether or not there is one.
  Result<Caller> caller_of(const std::string& token, const std::string& id_or_name,
                           const std::string& request_id) const;

 private:
  std::string sign(std::string_view text) const;

  Store& store_;
  const Clock& clock_;
  const std::string secret_;
  const query::Mac mac_;
  const Duration lifetime_;
};

/// The secret that tokens are signed with: made at the first start.
Result<std::string> data_token_secret(Store& store, Random& random);

}  // namespace mayfly
