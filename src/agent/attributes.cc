#include "agent/attributes.h"

#include <cerrno>
#include <optional>

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace mayfly::agent {

namespace {

// The kernel's own limit, of a value as of all names together.
constexpr std::size_t xattr_limit = 64 << 10;

bool cannot_be_held(int error) {
  return error == EPERM || error == EACCES || error == EOPNOTSUPP || error == ENODATA;
}

Status trouble_with(const std::string& path) {
  return tl::unexpected(errno_error(errno, "keep the extended attributes of " + path));
}

}  // namespace

Status copy_xattrs(const std::string& path, int to) {
  // Most files have none: that takes one call.
  const auto needed = ::llistxattr(path.c_str(), nullptr, 0);
  if (needed <= 0) return needed == 0 || cannot_be_held(errno) ? Status() : trouble_with(path);
  std::string names(xattr_limit, '\0'), value(xattr_limit, '\0');
  const auto size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0) return trouble_with(path);
  names.resize(static_cast<std::size_t>(size));
  for (std::size_t at = 0; at < names.size();) {
    const char* name = names.c_str() + at;
    at = names.find('\0', at) + 1;
    const auto got = ::lgetxattr(path.c_str(), name, value.data(), value.size());
    if (got < 0 && cannot_be_held(errno)) continue;
    if (got < 0) return trouble_with(path);
    if (::fsetxattr(to, name, value.data(), static_cast<std::size_t>(got), 0) != 0 && !cannot_be_held(errno))
      return trouble_with(path);
  }
  return {};
}

Status copy_owner(const struct stat& from, int to, const std::string& path) {
  if (from.st_uid == ::geteuid() && from.st_gid == ::getegid()) return {};
  if (::fchown(to, from.st_uid, from.st_gid) == 0 || errno == EPERM) return {};
  return tl::unexpected(errno_error(errno, "keep the owner of " + path));
}

}  // namespace mayfly::agent
