#pragma once

#include <string>

#include "os/content_hash.h"
#include "os/layer_entry.h"

namespace mayfly::os {

/// The line of an entry, newline included. `content` is for files. Equal entries give equal bytes: members stand in a
/// fixed order, xattrs by name.
///
/// Strings are JSON. What JSON cannot hold is escaped as %XX: bytes that are no UTF-8, and '%' itself, so that
/// reading %XX back is always right.
std::string manifest_line(const LayerEntry& entry, const ContentDigest& content);

}  // namespace mayfly::os
