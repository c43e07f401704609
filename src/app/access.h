#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Who is calling. Keys are looked up by the hash of their secret; what was found is remembered, so that a request
/// costs no query.
class Access {
 public:
  using Hash = std::function<std::string(std::string_view)>;
  Access(Store& store, Hash hash) : store_(store), hash_(std::move(hash)) {}

  /// unauthenticated for an unknown, revoked or inactive one; the message never repeats the secret.
  Result<Caller> caller_of(const std::string& secret, const std::string& request_id);

  /// The one way to change keys and people while requests are served: when it returns, whoever the change shuts out is
  /// out.
  template <class Body>
  auto change(Body body) -> decltype(body(std::declval<Transaction&>())) {
    auto done = store_.write(std::move(body));
    forget();
    return done;
  }

 private:
  Result<Caller> look_up(const std::string& hash);
  void forget();

  Store& store_;
  Hash hash_;
  std::mutex mutex_;
  std::uint64_t version_ = 0;            // of what the store says about keys and people, as far as we know
  std::map<std::string, Caller> known_;  // as of that version
};

}  // namespace mayfly
