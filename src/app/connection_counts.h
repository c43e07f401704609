#pragma once
// How many connections to ports are open, so that neither one sandbox nor one key takes all there are.

#include <map>
#include <memory>
#include <mutex>

#include "base/id.h"
#include "base/result.h"

namespace mayfly {

class ConnectionCounts {
 public:
  static constexpr int sandbox_limit = 256;    // half of what an agent carries
  static constexpr int key_limit = 4096;       // less than half of what the server carries

  /// One more, until the last copy of the token is dropped. exhausted past a limit.
  Result<std::shared_ptr<void>> take(const ResourceId& sandbox, const KeyId& key);

 private:
  struct Counts {
    std::mutex mutex;
    std::map<ResourceId, int> sandboxes;
    std::map<KeyId, int> keys;
  };
  // Tokens may outlive us.
  const std::shared_ptr<Counts> counts_ = std::make_shared<Counts>();
};

}  // namespace mayfly
