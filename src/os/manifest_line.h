#pragma once

#include <string>
#include <string_view>

#include "os/content_hash.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// The line of an entry, newline included. `content` is for files. Equal entries give equal bytes: members stand in a
/// fixed order, xattrs by name.
///
/// Strings are JSON. What JSON cannot hold is escaped as %XX: bytes that are no UTF-8, and '%' itself, so that
/// reading %XX back is always right.
std::string manifest_line(const LayerEntry& entry, const ContentDigest& content);

/// Bytes as a manifest spells them, before JSON: a long one is cut.
std::string manifest_text(std::string_view bytes);

}  // namespace mayfly::os
