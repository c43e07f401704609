#include "agent/remove_tree.h"

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mayfly::agent {

namespace {

// Each level holds a descriptor.
constexpr std::size_t depth_limit = 512;
// Somebody may fill a folder while we empty it.
constexpr int pass_limit = 8;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

struct Level {
  Folder folder;
  std::string name;  // in the level above
  std::string path;  // for people
  int passes = 1;
};

tl::unexpected<Error> trouble_at(const std::string& path) {
  return tl::unexpected(errno_error(errno, "remove " + path));
}

bool is_mount(int folder) {
  struct statx info{};
  return ::statx(folder, "", AT_EMPTY_PATH, 0, &info) == 0 && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Status enter(std::vector<Level>& levels, int above, const std::string& name, const std::string& path) {
  if (levels.size() >= depth_limit)
    return fail(Code::invalid,
                "remove " + path + ": it lies more than " + std::to_string(depth_limit) + " folders deep");
  const int opened = ::openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0) return errno == ENOENT ? Status() : trouble_at(path);
  Folder folder(::fdopendir(opened));
  if (!folder) return trouble_at(path);
  if (is_mount(opened)) return fail(Code::busy, "remove " + path + ": it is a mount point");
  levels.push_back({std::move(folder), name, path});
  return {};
}

/// Removes the next entry of the innermost folder, or goes into it. False when there is none.
Result<bool> remove_next(std::vector<Level>& levels) {
  auto& here = levels.back();
  const auto* entry = ::readdir(here.folder.get());
  if (!entry) return false;
  const std::string name = entry->d_name;
  if (name == "." || name == "..") return true;
  const int folder = ::dirfd(here.folder.get());
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return true;
  const auto path = here.path + "/" + name;
  // POSIX lets unlink of a folder say EPERM as well.
  if (errno != EISDIR && errno != EPERM) return trouble_at(path);
  const int refused = errno;
  struct stat info{};
  if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) {
    errno = refused;
    return trouble_at(path);
  }
  TRY(enter(levels, folder, name, path));
  return true;
}

}  // namespace

Status remove_tree(const std::string& path) {
  std::vector<Level> levels;
  TRY(enter(levels, AT_FDCWD, path, path));
  while (!levels.empty()) {
    if (TRY(remove_next(levels))) continue;
    auto& done = levels.back();
    const int above = levels.size() == 1 ? AT_FDCWD : ::dirfd(levels[levels.size() - 2].folder.get());
    const bool removed = ::unlinkat(above, done.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT;
    if (removed) {
      levels.pop_back();
      continue;
    }
    if (errno != ENOTEMPTY || ++done.passes > pass_limit) return trouble_at(done.path);
    ::rewinddir(done.folder.get());
  }
  return {};
}

}  // namespace mayfly::agent
