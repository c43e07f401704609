#pragma once

#include "driver/crun/layout.h"
#include "ports/databases.h"

namespace mayfly {

/// Databases that are SQLite files, each in a folder of its own that sandboxes mount.
class SqliteFiles : public DatabaseProvider {
 public:
  SqliteFiles(Driver& driver, crun::Layout layout) : driver_(driver), layout_(std::move(layout)) {}
  Result<Caveats> make(const LayerRef& layer, std::int64_t size_mb) override;

 private:
  Driver& driver_;
  const crun::Layout layout_;
};

}  // namespace mayfly
