#pragma once
// Parts of a packed layer, read while it goes by: nothing is unpacked, and nothing is held but a piece.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/stream.h"
#include "os/layer_entry.h"

namespace mayfly::os {

struct LayerFile {
  std::int64_t size = 0;
  std::unique_ptr<Source> content;   // holes read as zeros
  std::string same_as;               // instead of content: a hard link to this earlier path
};

/// The regular file of that path below the layer ("a/b"), found by reading the tar up to it. not_found: the tar has no
/// such entry, or says that the path is deleted. invalid, not_a_file: it is a folder or a link. Content is checked
/// as far as the compression does; whether it is what the manifest says is for read_back_layer.
Result<LayerFile> open_layer_file(std::unique_ptr<Source> tar, const std::string& path);

/// Called with each entry at and below a path, in the order of the tar, folders before what is in them; a file with its
/// content, of which less than all may be read.
using LayerVisitor = std::function<Status(const LayerEntry& entry, Source* content)>;

/// Visits what lies at `path` ("a/b"; "." is all) and below. not_found: nothing does.
Status visit_layer(Source& tar, const std::string& path, const LayerVisitor& visit);

/// The tar without its compression. A torn or altered frame ends in an error, never in an early end.
std::unique_ptr<Source> plain_layer(std::unique_ptr<Source> tar);

}  // namespace mayfly::os
