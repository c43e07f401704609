#pragma once

#include <string>

#include "base/result.h"

namespace mayfly::agent {

/// Moves a regular file to another file system: with its owner, mode, times and extended attributes it is copied,
/// synced and put in place in one step, then removed where it was. Until then nothing of it shows at `path`. When it
/// was changed or replaced meanwhile, it stays as well (Code::conflict). All else, folders too, is Code::unsupported.
Status move_across(const std::string& from, const std::string& path);

}  // namespace mayfly::agent
