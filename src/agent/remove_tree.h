#pragma once

#include <string>

#include "base/result.h"

namespace mayfly::agent {

/// Removes a folder and all in it. It follows no link and enters no other mount: Code::busy names the one it met,
/// and what was removed until then stays removed.
Status remove_tree(const std::string& path);

}  // namespace mayfly::agent
