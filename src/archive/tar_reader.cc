#include "archive/tar_reader.h"

#include "os/layer_tar.h"

namespace mayfly {

Result<ManifestSummary> TarReader::read_back(Source& tar, Source* manifest) {
  return os::read_back_layer(tar, manifest);
}

}  // namespace mayfly
