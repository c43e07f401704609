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

Status TarReader::visit(Source& tar, const std::string& path, const ArchiveVisitor& visitor) {
  using Type = os::LayerEntry::Type;
  return os::visit_layer(tar, path, [&](const os::LayerEntry& entry, Source* content) -> Status {
    ArchivedEntry::Type type{};
    switch (entry.type) {
      case Type::file: type = ArchivedEntry::Type::file; break;
      case Type::folder: type = ArchivedEntry::Type::folder; break;
      case Type::link: type = ArchivedEntry::Type::link; break;
      case Type::hardlink: type = ArchivedEntry::Type::same_file; break;
      case Type::whiteout: case Type::opaque: return {};
    }
    return visitor({type, entry.path, entry.target, entry.size, static_cast<std::uint32_t>(entry.mode)}, content);
  });
}

}  // namespace mayfly
