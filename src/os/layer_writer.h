#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/stream.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// Bytes of a file that are on disk; the rest are holes.
struct Extent {
  std::int64_t begin = 0, end = 0;
};

/// Writes entries as pax + zstd, in the form that layer_tar.h tells.
class LayerWriter {
 public:
  explicit LayerWriter(Sink& tar);
  ~LayerWriter();

  /// `extents`: where a file has data, in order; all of it when the file has no holes.
  Status begin(const LayerEntry& entry, const std::vector<Extent>& extents);
  Status data(std::span<const char> bytes);
  Status hole(std::int64_t count);
  Status finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mayfly::os
