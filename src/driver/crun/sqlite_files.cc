#include "driver/crun/sqlite_files.h"

#include <fcntl.h>

#include "base/failpoint.h"
#include "os/file.h"

namespace mayfly {

namespace {

constexpr const char* file_name = "/database.sqlite";

}  // namespace

/// An empty file is an empty SQLite database. Nothing mounts the folder yet, so nobody else puts anything there.
Result<Caveats> SqliteFiles::make(const LayerRef& layer, std::int64_t size_mb) {
  auto caveats = TRY(driver_.make_volume(layer, size_mb));
  const auto folder = layout_.layer(layer) + "/upper";
  FAILPOINT("make_database.before_file");
  {
    const auto file = TRY(os::open(folder + file_name, O_WRONLY | O_CREAT | O_NOFOLLOW, 0644));
  }
  TRY(os::sync_folder(folder));
  FAILPOINT("make_database.after_file");
  return caveats;
}

}  // namespace mayfly
