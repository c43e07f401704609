#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace mayfly::crun {

struct Mount {
  std::string point;
  std::string type;
  std::string source;
};

/// The mounts of this process's namespace in the order they were made.
Result<std::vector<Mount>> read_mounts();
std::vector<Mount> parse_mounts(std::string_view mountinfo);

/// True for `folder` itself and everything in it.
bool is_below(std::string_view path, std::string_view folder);

/// Unmounts everything at and below `folder`, newest first, never lazily: when it returns, no such mount is left.
/// Code::busy names a process that holds on, as far as /proc can tell.
Status unmount_below(const std::string& folder);

}  // namespace mayfly::crun
