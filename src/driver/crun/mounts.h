#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/file.h"

namespace mayfly::crun {

struct Mount {
  std::string point;
  std::string type;
  std::string source;
  std::string root;     // what of the file system is mounted there
};

/// The mounts of this process's namespace in the order they were made.
Result<std::vector<Mount>> read_mounts();
std::vector<Mount> parse_mounts(std::string_view mountinfo);

/// Its name for people: "ext4".
std::string file_system_of(const std::string& path);

/// True for `folder` itself and everything in it.
bool is_below(std::string_view path, std::string_view folder);

/// Takes away everything mounted exactly at `point`, newest first, never lazily: when it returns, nothing is mounted
/// there. Asks the kernel about this one place, so that a thousand other mounts cost nothing. Code::busy names a
/// process that holds on, as far as /proc can tell.
///
/// The file systems themselves end when `file_systems` is dropped. An overlay that ends writes back everything dirty on
/// the disk below it, whoever wrote it, so whoever still has files to delete there does that first.
Status unmount_at(const std::string& point, std::vector<os::Fd>& file_systems);

}  // namespace mayfly::crun
