#include "os/folder_stack.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mayfly::os {

namespace {

// Well below the usual 1024 descriptors of a process, with several walks at once.
constexpr std::size_t held_open = 32;

}  // namespace

Status FolderStack::enter(const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  Level level;
  level.fd = Fd(static_cast<int>(::syscall(SYS_openat2, fd(), name.c_str(), &how, sizeof how)));
  if (!level.fd) return tl::unexpected(errno_error(errno, "cannot enter the folder " + name));
  struct stat info {};
  if (::fstat(level.fd.get(), &info) != 0) return tl::unexpected(errno_error(errno, "cannot look at " + name));
  level.device = info.st_dev;
  level.inode = info.st_ino;
  levels_.push_back(std::move(level));
  if (levels_.size() > held_open) levels_[levels_.size() - 1 - held_open].fd.reset();
  return {};
}

Status FolderStack::leave() {
  CHECK(!levels_.empty());
  const Fd child = std::move(levels_.back().fd);
  levels_.pop_back();
  if (levels_.empty() || levels_.back().fd) return {};

  Level& level = levels_.back();
  auto parent = open_at(child.get(), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!parent) return tl::unexpected(in_context("cannot go back to a parent folder", parent.error()));
  struct stat info {};
  if (::fstat(parent->get(), &info) != 0) return tl::unexpected(errno_error(errno, "cannot look at a parent folder"));
  if (info.st_dev != level.device || info.st_ino != level.inode) {
    return fail(Code::busy, "a folder was moved while it was walked");
  }
  level.fd = std::move(*parent);
  return {};
}

}  // namespace mayfly::os
