#pragma once

#include "ports/driver.h"

namespace mayfly {

/// Reads layers that were packed as tar and zstd.
class TarReader : public ArchiveReader {
 public:
  Result<ManifestSummary> read_back(Source& tar, Source* manifest) override;
};

}  // namespace mayfly
