#pragma once

#include "ports/driver.h"

namespace mayfly {

/// Who makes the databases of workspaces. The server never opens one: programs in sandboxes do, and what remains of it
/// is destroyed as every layer is.
class DatabaseProvider {
 public:
  virtual ~DatabaseProvider() = default;

  /// Makes an empty database on that layer; one that is there stays as it is. Tells what this host cannot enforce.
  virtual Result<Caveats> make(const LayerRef& layer, std::int64_t size_mb) = 0;
};

}  // namespace mayfly
