#pragma once

#include <functional>

#include "os/layer_reader.h"
#include "os/manifest_builder.h"

namespace mayfly::os {

using ContentTaker = std::function<Status(std::int64_t offset, std::span<const char> bytes)>;

/// Reads the content of the file that `reader` told last: hashed by `builder`, and given to `take` if there is one.
Status read_contents(LayerReader& reader, ManifestBuilder& builder, const ContentTaker& take);

}  // namespace mayfly::os
