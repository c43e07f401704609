#include "driver/crun/mounts.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver/crun/processes.h"

namespace mayfly::crun {

namespace {

/// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool is_mount_point(const std::string& path) {
  struct statx facts{};
  return ::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &facts) == 0 &&
         (facts.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

std::string_view next_field(std::string_view& line) {
  const auto end = line.find(' ');
  const auto field = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return field;
}

}  // namespace

std::string file_system_of(const std::string& path) {
  struct statfs facts{};
  ::statfs(path.c_str(), &facts);
  switch (static_cast<std::uint32_t>(facts.f_type)) {
    case 0xEF53: return "ext4";
    case 0x9123683E: return "btrfs";
    case 0x58465342: return "xfs";
    case 0x01021994: return "tmpfs";
    default: return "this file system";
  }
}

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    auto tail = line.substr(dash + 3);
    for (int i = 0; i < 3; ++i) next_field(line);  // mount id, parent id, device
    Mount mount;
    mount.root = unescaped(next_field(line));
    mount.point = unescaped(next_field(line));
    mount.type = unescaped(next_field(tail));
    mount.source = unescaped(next_field(tail));
    mounts.push_back(std::move(mount));
  }
  return mounts;
}

Result<std::vector<Mount>> read_mounts() { return parse_mounts(TRY(os::read_file("/proc/self/mountinfo"))); }

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

Status unmount_at(const std::string& point, std::vector<os::Fd>& file_systems) {
  while (is_mount_point(point)) {
    // A detached copy of the mount; without one the file system ends with the mount, only more slowly.
    constexpr unsigned clone = 1;
    os::Fd copy(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, point.c_str(), clone | O_CLOEXEC)));
    if (copy) file_systems.push_back(std::move(copy));
    if (::umount2(point.c_str(), UMOUNT_NOFOLLOW) == 0) continue;
    const int number = errno;
    if (number == EINVAL || number == ENOENT) continue;  // went away by itself; the next look decides
    auto error = errno_error(number, "unmount " + point);
    if (number == EBUSY) error.message += holder_below(point);
    return tl::unexpected(std::move(error));
  }
  return {};
}

}  // namespace mayfly::crun
