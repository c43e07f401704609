#pragma once

#include "app/archives.h"
#include "app/execution.h"

namespace mayfly {

struct PathWish {
  std::string archive;   // id
  std::string sandbox;   // id or name; it must run
  std::string path;      // absolute, in the archive
  std::string to;        // absolute, in the sandbox; empty: the same
};

struct PathRestored {
  std::string to;
  std::int64_t files = 0, folders = 0, links = 0;
  std::int64_t bytes = 0;
};

/// Brings one file or folder of an archive back into a sandbox that runs, through its agent: what is made there is made
/// inside, whatever the names in the archive say.
class PathRestore {
 public:
  PathRestore(Archives& archives, Execution& execution) : archives_(archives), execution_(execution) {}

  /// Modes are kept; owners and times are those of a new file. Files that are in the way are replaced, folders filled.
  /// not_found, path_not_archived: the archive has no such path, which is so for what was never changed in the sandbox
  /// that it was made of. conflict: the sandbox does not run, or a folder is in the way of a file.
  Result<PathRestored> restore(const Caller& caller, const PathWish& wish);

 private:
  Archives& archives_;
  Execution& execution_;
};

/// "a/b" for "/a/./b/": the way archives name what lies below their layer, "." for "/". invalid unless it is absolute
/// and stays below the root.
Result<std::string> path_in_archive(const std::string& absolute);

}  // namespace mayfly
