#pragma once
// What a file has besides its bytes.

#include <string>

struct stat;

#include "base/result.h"

namespace mayfly::agent {

/// Gives an open file the extended attributes of the file at `path` (of a link itself). What this file system or our
/// rights cannot hold is left out, as `cp -a` does.
Status copy_xattrs(const std::string& path, int to);

/// Gives an open file the owner of another one, as far as our rights go. It costs the file its setuid bits and its
/// capabilities: to be called before those are set.
Status copy_owner(const struct stat& from, int to, const std::string& path);

}  // namespace mayfly::agent
