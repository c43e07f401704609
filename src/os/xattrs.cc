#include "os/xattrs.h"

#include <cerrno>
#include <functional>

#include <sys/xattr.h>

namespace mayfly::os {

namespace {

using List = std::function<ssize_t(char*, std::size_t)>;

/// Calls `ask` with room that suffices, though what is asked for may grow meanwhile.
Result<std::string> sized(const List& ask) {
  std::string room(256, '\0');
  constexpr int tries = 16;
  for (int i = 0; i < tries; ++i) {
    const ssize_t size = ask(room.data(), room.size());
    if (size >= 0) {
      room.resize(static_cast<std::size_t>(size));
      return room;
    }
    if (errno != ERANGE) return tl::unexpected(errno_error(errno, "cannot read extended attributes"));
    const ssize_t needed = ask(nullptr, 0);
    if (needed < 0) return tl::unexpected(errno_error(errno, "cannot read extended attributes"));
    room.resize(static_cast<std::size_t>(needed) + 64);
  }
  return fail(Code::busy, "cannot read extended attributes: they keep changing");
}

using Get = std::function<ssize_t(const char*, char*, std::size_t)>;

Result<std::map<std::string, std::string>> read_all(const List& list, const Get& get) {
  std::map<std::string, std::string> xattrs;
  auto names = sized(list);
  if (!names) {
    if (names.error().code == Code::unsupported) return xattrs;
    return tl::unexpected(names.error());
  }
  for (std::size_t begin = 0; begin < names->size();) {
    const std::string name = names->c_str() + begin;
    begin += name.size() + 1;
    xattrs[name] = TRY(sized([&](char* room, std::size_t size) { return get(name.c_str(), room, size); }));
  }
  return xattrs;
}

// The way to a name in an open folder for calls that know paths only; the folder itself cannot be swapped.
std::string by_descriptor(int folder, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(folder) + "/" + name;
}

}  // namespace

Result<std::map<std::string, std::string>> read_xattrs(int fd) {
  // Most files have none: that takes one call.
  const ssize_t size = ::flistxattr(fd, nullptr, 0);
  if (size == 0) return std::map<std::string, std::string>();
  return read_all([&](char* room, std::size_t count) { return ::flistxattr(fd, room, count); },
                  [&](const char* name, char* room, std::size_t count) { return ::fgetxattr(fd, name, room, count); });
}

Result<std::map<std::string, std::string>> read_xattrs_at(int folder, const std::string& name) {
  const std::string path = by_descriptor(folder, name);
  return read_all(
      [&](char* room, std::size_t count) { return ::llistxattr(path.c_str(), room, count); },
      [&](const char* xattr, char* room, std::size_t count) { return ::lgetxattr(path.c_str(), xattr, room, count); });
}

Status write_xattr(int fd, const std::string& name, const std::string& value) {
  if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) return {};
  return tl::unexpected(errno_error(errno, "cannot set the extended attribute " + name));
}

Status write_xattr_at(int folder, const std::string& entry, const std::string& name, const std::string& value) {
  const std::string path = by_descriptor(folder, entry);
  if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0) return {};
  return tl::unexpected(errno_error(errno, "cannot set the extended attribute " + name));
}

}  // namespace mayfly::os
