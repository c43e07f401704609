#pragma once

#include "ports/driver.h"

namespace mayfly {

/// Reads layers that were packed as tar and zstd.
class TarReader : public ArchiveReader {
 public:
  Result<ManifestSummary> read_back(Source& tar, Source* manifest) override;
  std::unique_ptr<Source> plain(std::unique_ptr<Source> tar) override;
  Result<ArchivedFile> file(std::unique_ptr<Source> tar, const std::string& path) override;
  Status visit(Source& tar, const std::string& path, const ArchiveVisitor& visitor) override;
};

}  // namespace mayfly
