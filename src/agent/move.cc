#include "agent/move.h"

#include <cerrno>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attributes.h"
#include "agent/draft.h"
#include "agent/entries.h"
#include "agent/path.h"
#include "base/wire.h"

namespace mayfly::agent {

namespace {

tl::unexpected<Error> trouble_with(const std::string& what) { return tl::unexpected(errno_error(errno, what)); }

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

bool is_unchanged(const struct stat& a, const struct stat& b) {
  return is_same(a, b) && a.st_size == b.st_size && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

Status copy_bytes(int from, Draft& to, off_t start, off_t end, const std::string& what) {
  std::string buffer(wire::chunk_size, '\0');
  while (start < end) {
    const auto most = std::min<off_t>(end - start, static_cast<off_t>(buffer.size()));
    const auto got = ::pread(from, buffer.data(), static_cast<std::size_t>(most), start);
    if (got < 0) return trouble_with(what);
    if (got == 0) return {};  // Somebody cut it; it will be found changed.
    if (::lseek(to.file(), start, SEEK_SET) < 0) return trouble_with(what);
    TRY(to.write(buffer.data(), static_cast<std::size_t>(got)));
    start += got;
  }
  return {};
}

/// Holes stay holes: a sparse file of a terabyte must not fill the disk.
Status copy_content(int from, off_t size, Draft& to, const std::string& what) {
  for (off_t at = 0; at < size;) {
    const auto data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return trouble_with(what);
    const auto hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return trouble_with(what);
    TRY(copy_bytes(from, to, data, std::min(hole, size), what));
    at = hole;
  }
  if (::ftruncate(to.file(), size) != 0) return trouble_with(what);
  return {};
}

/// In this order: a change of the owner takes away capabilities and setuid, a write the capabilities, and the mode
/// has the last word over an access list.
Status copy_file(const std::string& from, const struct stat& info, int source, Draft& to, const std::string& what) {
  TRY(copy_content(source, info.st_size, to, what));
  TRY(copy_owner(info, to.file(), from));
  TRY(copy_xattrs(from, to.file()));
  const timespec times[] = {info.st_atim, info.st_mtim};
  if (::fchmod(to.file(), info.st_mode & 07777) != 0 || ::futimens(to.file(), times) != 0 || ::fsync(to.file()) != 0)
    return trouble_with(what);
  return {};
}

}  // namespace

Status move_across(const std::string& from, const std::string& path) {
  const auto what = "move " + from + " to " + path;
  struct stat info{}, now{};
  if (::lstat(from.c_str(), &info) != 0) return trouble_with(what);
  // Also what an overlay says of a folder that came with the image.
  if (S_ISDIR(info.st_mode))
    return fail(Code::unsupported, what + ": a folder cannot go to another file system; copy and remove it");
  if (!S_ISREG(info.st_mode))
    return fail(Code::unsupported, what + ": only a regular file can go to another file system");
  // Two mounts of one file system can show one file under both names: then there is nothing to do, as with rename.
  if (::lstat(path.c_str(), &now) == 0 && is_same(info, now)) return {};
  const Fd source(::open(from.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!source) return trouble_with(what);
  if (::fstat(source.get(), &now) != 0) return trouble_with(what);
  const Fd folder(::open(folder_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return trouble_with(what);
  if (made_by_the_kernel(source.get()) || made_by_the_kernel(folder.get()))
    return fail(Code::unsupported, what + ": the kernel's own files cannot be moved");
  if (!is_unchanged(info, now)) return fail(Code::conflict, what + ": it changes");

  auto draft = TRY(Draft::open(folder_of(path), path));
  TRY(copy_file(from, info, source.get(), draft, what));
  const auto unchanged = [&] { return ::lstat(from.c_str(), &now) == 0 && is_unchanged(info, now); };
  if (!unchanged()) return fail(Code::conflict, what + ": it was changed meanwhile");
  TRY(draft.commit(leaf_of(path)));
  // On disk under its new name before the old one goes.
  if (::fsync(draft.folder()) != 0) return trouble_with(what);
  if (!unchanged()) return fail(Code::conflict, what + ": it was changed meanwhile; the copy is made, both stay");
  if (::unlink(from.c_str()) != 0) return trouble_with(what + ": the copy is made, but the old file cannot be removed");
  return {};
}

}  // namespace mayfly::agent
