#include "driver/crun/overlay.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver/crun/mounts.h"

#ifndef MOUNT_ATTR_IDMAP
#define MOUNT_ATTR_IDMAP 0x00100000
#endif

namespace mayfly::crun {

namespace {

// libc's sys/mount.h and the kernel's linux/mount.h do not both know all of these.
constexpr unsigned fsconfig_set_string = 1;
constexpr unsigned fsconfig_set_fd = 5;
constexpr unsigned fsconfig_cmd_create = 6;
constexpr unsigned open_tree_clone = 1;
constexpr unsigned move_mount_empty_path = 4;

// Portable upper layers: no file handles of this disk, no redirects, nothing that only this mount could read.
constexpr const char* portable_options[][2] = {
    {"index", "off"}, {"metacopy", "off"}, {"redirect_dir", "nofollow"}, {"xino", "off"}, {"uuid", "null"}};

tl::unexpected<Error> failed(std::string what) { return tl::unexpected(errno_error(errno, what)); }

/// This thread makes files as that id, with the capabilities it had: overlay writes to an idmapped upper layer as
/// whoever mounted it, and an id outside the mapping would leave the mount silently read-only.
class FileIds {
 public:
  explicit FileIds(std::uint32_t id) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct caps[2] = {};
    usable_ = ::syscall(SYS_capget, &header, caps) == 0;
    ::setfsgid(id);
    ::setfsuid(id);
    // Leaving id 0 takes the effective capabilities over files away.
    usable_ = usable_ && ::syscall(SYS_capset, &header, caps) == 0;
  }
  ~FileIds() {
    ::setfsuid(0);
    ::setfsgid(0);
  }
  bool usable() const { return usable_; }

 private:
  bool usable_;
};

// In the run folder. The last two only on older kernels, and only while the overlay is made.
constexpr const char* mount_point = "/merged";
constexpr const char* layer_point = "/.layer";
constexpr const char* image_point = "/.image";

std::string merged(const OverlayPlan& plan) { return plan.run + mount_point; }

Status mount_by_descriptor(const OverlayPlan& plan, const os::Fd& image, const os::Fd& layer) {
  const auto upper = TRY(os::open_at(layer.get(), "upper", O_PATH | O_DIRECTORY));
  const auto work = TRY(os::open_at(layer.get(), "work", O_PATH | O_DIRECTORY));
  const FileIds as_root_inside(plan.ids.base);
  if (!as_root_inside.usable()) return failed("keep capabilities while mounting " + merged(plan));

  os::Fd context(static_cast<int>(::syscall(SYS_fsopen, "overlay", 1u)));
  if (!context) return failed("prepare an overlay");
  const auto set = [&](unsigned command, const char* key, const char* value, int number) -> Status {
    if (::syscall(SYS_fsconfig, context.get(), command, key, value, number) == 0) return {};
    const int trouble = errno;
    char told[256] = {};
    const auto length = ::read(context.get(), told, sizeof told - 1);  // the kernel's own words, if it has any
    auto error = errno_error(trouble, "set up the overlay for " + merged(plan) + " (" + (key ? key : "create") + ")");
    if (length > 0) error.message += std::string("; ") + told;
    if (trouble == EINVAL) error.code = Code::unsupported;
    return tl::unexpected(std::move(error));
  };
  TRY(set(fsconfig_set_string, "source", plan.tag.c_str(), 0));
  for (const auto& [key, value] : portable_options) TRY(set(fsconfig_set_string, key, value, 0));
  TRY(set(fsconfig_set_fd, "lowerdir+", nullptr, image.get()));
  TRY(set(fsconfig_set_fd, "upperdir", nullptr, upper.get()));
  TRY(set(fsconfig_set_fd, "workdir", nullptr, work.get()));
  TRY(set(fsconfig_cmd_create, nullptr, nullptr, 0));
  const os::Fd mount(static_cast<int>(
      ::syscall(SYS_fsmount, context.get(), 1u, unsigned{MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID})));
  if (!mount) return failed("make the mount for " + merged(plan));
  return attach(mount, merged(plan));
}

Status make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("make folder " + path);
  return {};
}

/// The way of older kernels: the mapped trees need a place in the file system until the overlay stands.
Status mount_by_path(const OverlayPlan& plan, const os::Fd& image, const os::Fd& layer) {
  const auto image_at = plan.run + image_point;
  const auto layer_at = plan.run + layer_point;
  TRY(make_folder(image_at));
  TRY(make_folder(layer_at));
  TRY(attach(image, image_at));
  TRY(attach(layer, layer_at));
  const auto at = [](const os::Fd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); };
  // By descriptor numbers: a path could hold the characters that separate options.
  auto options = "lowerdir=" + at(image) + ",upperdir=" + at(layer) + "/upper,workdir=" + at(layer) + "/work";
  options += ",index=off,metacopy=off,redirect_dir=nofollow,xino=off";
  Status done;
  {
    const FileIds as_root_inside(plan.ids.base);
    if (!as_root_inside.usable() ||
        ::mount(plan.tag.c_str(), merged(plan).c_str(), "overlay", MS_NODEV | MS_NOSUID, options.c_str()) != 0)
      done = failed("mount the overlay at " + merged(plan));
  }
  for (const auto& point : {layer_at, image_at})
    if (::umount2(point.c_str(), MNT_DETACH) != 0 && done) done = failed("detach " + point);
  return done;
}

Status check_writable(const OverlayPlan& plan) {
  struct statvfs facts{};
  if (::statvfs(merged(plan).c_str(), &facts) != 0) return failed("look at " + merged(plan));
  if (facts.f_flag & ST_RDONLY)
    return fail(Code::unsupported, "mount " + merged(plan) + ": the kernel made it read-only (see its log)");
  return {};
}

}  // namespace

Result<os::Fd> idmapped(const std::string& path, const os::Fd& user_namespace, std::uint64_t wanted) {
  os::Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), open_tree_clone | O_CLOEXEC)));
  if (!tree) return failed("clone the mount at " + path);
  struct {
    std::uint64_t set, clear, propagation, userns_fd;
  } attributes{MOUNT_ATTR_IDMAP | wanted, 0, 0, static_cast<std::uint64_t>(user_namespace.get())};
  if (::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) != 0) {
    auto error = errno_error(errno, "map the user ids of " + path);
    error.code = Code::unsupported;
    return tl::unexpected(std::move(error));
  }
  return tree;
}

Status attach(const os::Fd& tree, const std::string& point) {
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, point.c_str(), move_mount_empty_path) != 0)
    return failed("attach a mount to " + point);
  return {};
}

Status mount_overlay(const OverlayPlan& plan, LayersBy way) {
  const auto user_namespace = TRY(make_user_namespace(plan.ids));
  const auto image = TRY(idmapped(plan.image, user_namespace));
  const auto layer = TRY(idmapped(plan.layer, user_namespace));
  Status mounted = fail(Code::unsupported, "");
  if (way != LayersBy::path) mounted = mount_by_descriptor(plan, image, layer);
  if (way != LayersBy::descriptor && !mounted && mounted.error().code == Code::unsupported)
    mounted = mount_by_path(plan, image, layer);
  if (!mounted) {
    (void)unmount_overlay(plan.run);
    return mounted;
  }
  auto writable = check_writable(plan);
  if (!writable) (void)unmount_overlay(plan.run);
  return writable;
}

Result<std::vector<os::Fd>> unmount_overlay(const std::string& run) {
  std::vector<os::Fd> file_systems;
  for (const char* point : {mount_point, layer_point, image_point}) TRY(unmount_at(run + point, file_systems));
  return file_systems;
}

}  // namespace mayfly::crun
