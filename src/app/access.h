#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "core/caller.h"
#include "ports/store.h"

namespace mayfly {

/// Who is calling. Keys are looked up by the hash of their secret; what was found is remembered, so that a request
/// costs no query, and forgotten when a key or user changes.
class Access {
 public:
  using Hash = std::function<std::string(std::string_view)>;
  Access(Store& store, Hash hash) : store_(store), hash_(std::move(hash)) {}

  /// unauthenticated for an unknown, revoked or inactive one; the message never repeats the secret.
  Result<Caller> caller_of(const std::string& secret, const std::string& request_id);

  void forget_cache();

 private:
  Result<Caller> look_up(const std::string& hash);

  Store& store_;
  Hash hash_;
  std::mutex mutex_;
  std::map<std::string, Caller> known_;
};

}  // namespace mayfly
