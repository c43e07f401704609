#include "driver/crun/volume_mounts.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "core/volume_mount.h"
#include "driver/crun/mounts.h"
#include "driver/crun/overlay.h"

namespace mayfly::crun {

namespace {

std::string volumes_of(const std::string& run) { return run + "/volumes"; }

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0711) != 0 && errno != EEXIST)
    return tl::unexpected(errno_error(errno, "make folder " + path));
  return {};
}

tl::unexpected<Error> no_place(const std::string& path, const std::string& why) {
  return fail(Code::invalid, "a volume cannot be mounted at " + path + ": in this image " + why, "mount_path_invalid");
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The links of an image are its maker's: where they lead to is held against the same rules as the path itself. Nothing
/// runs on the root yet, so nobody changes them between this look and the mount.
Status check_place(const std::string& merged, const std::string& path) {
  const auto root = TRY(os::open(merged, O_PATH | O_DIRECTORY));
  std::string there = path;
  os::Fd found;
  while (!found) {
    auto opened = os::open_in_root(root.get(), there, O_PATH);
    if (opened) {
      found = std::move(*opened);
      break;
    }
    if (opened.error().code != Code::not_found) return no_place(path, "the way to it cannot be walked");
    if (os::open_in_root(root.get(), there, O_PATH | O_NOFOLLOW)) return no_place(path, there + " leads nowhere");
    there = parent_of(there);
  }
  struct stat facts{};
  if (::fstat(found.get(), &facts) != 0) return tl::unexpected(errno_error(errno, "look at " + there));
  if (!S_ISDIR(facts.st_mode)) return no_place(path, there + " is no folder");
  const auto place_of = [](const os::Fd& fd) -> Result<std::string> {
    char name[4096];
    const auto length = ::readlink(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), name, sizeof name);
    if (length < 0) return tl::unexpected(errno_error(errno, "find the place of a folder"));
    return std::string(name, static_cast<std::size_t>(length));
  };
  const auto base = TRY(place_of(root));
  auto real = TRY(place_of(found));
  if (!is_below(real, base)) return no_place(path, there + " leads out of it");
  real = real.substr(base.size()) + (there == "/" ? path : path.substr(there.size()));
  if (const auto fits = check_mount_path(real.empty() ? "/" : real); !fits)
    return no_place(path, "it leads to " + (real.empty() ? std::string("/") : real));
  return {};
}

}  // namespace

std::string volume_point(const std::string& run, std::size_t n) { return volumes_of(run) + "/" + std::to_string(n); }

Status attach_volumes(const std::vector<VolumePlan>& volumes, const std::string& run, const IdRange& ids) {
  if (volumes.empty()) return {};
  const auto user_namespace = TRY(make_user_namespace(ids));
  TRY(make_folder(volumes_of(run)));
  for (std::size_t n = 0; n < volumes.size(); ++n) {
    const auto& volume = volumes[n];
    TRY(check_place(run + "/merged", volume.path));
    std::uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (volume.read_only) attributes |= MOUNT_ATTR_RDONLY;
    const auto tree = TRY(idmapped(volume.folder, user_namespace, attributes));
    TRY(make_folder(volume_point(run, n)));
    TRY(attach(tree, volume_point(run, n)));
    FAILPOINT("crun.start.after_volume");
  }
  return {};
}

Status detach_volumes(const std::string& run) {
  const auto folder = volumes_of(run);
  const auto names = os::list_folder(folder);
  if (!names) return names.error().code == Code::not_found ? Status() : Status(tl::unexpected(names.error()));
  std::vector<os::Fd> file_systems;   // of others: a volume lies on the disk of the data folder and ends with nothing
  for (const auto& name : *names) {
    const auto point = folder + "/" + name;
    TRY(unmount_at(point, file_systems));
    // Only an empty folder goes, and only where nothing is mounted: no file of a volume can be meant by it.
    if (::rmdir(point.c_str()) != 0 && errno != ENOENT)
      return tl::unexpected(errno_error(errno, "remove the mount point " + point));
  }
  if (::rmdir(folder.c_str()) != 0 && errno != ENOENT)
    return tl::unexpected(errno_error(errno, "remove " + folder));
  return {};
}

}  // namespace mayfly::crun
