#include "archive/tar_reader.h"

#include "os/layer_file.h"
#include "os/layer_tar.h"

namespace mayfly {

Result<ManifestSummary> TarReader::read_back(Source& tar, Source* manifest) {
  return os::read_back_layer(tar, manifest);
}

std::unique_ptr<Source> TarReader::plain(std::unique_ptr<Source> tar) { return os::plain_layer(std::move(tar)); }

Result<ArchivedFile> TarReader::file(std::unique_ptr<Source> tar, const std::string& path) {
  auto file = TRY(os::open_layer_file(std::move(tar), path));
  return ArchivedFile{file.size, std::move(file.content), std::move(file.same_as)};
}

}  // namespace mayfly
