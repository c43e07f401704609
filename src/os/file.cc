#include "os/file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mayfly::os {

namespace {

Result<Fd> resolved(int folder, const std::string& path, int flags, mode_t mode, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  // openat2, unlike openat, refuses a mode that would not be used.
  how.mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? mode & 07777 : 0;
  how.resolve = resolve;
  // The kernel answers EAGAIN when a rename elsewhere makes a ".." unsafe to judge; it passes.
  constexpr int tries = 64;
  for (int i = 0; i < tries; ++i) {
    const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
    if (fd >= 0) return Fd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return tl::unexpected(errno_error(errno, "cannot open " + path));
}

Result<std::string> read_whole(const Fd& fd, const std::string& name, std::size_t limit) {
  std::string text;
  struct stat info {};
  if (::fstat(fd.get(), &info) == 0 && info.st_size > 0) {
    text.reserve(std::min(limit, static_cast<std::size_t>(info.st_size)) + 1);
  }
  char room[16 << 10];
  for (;;) {
    const ssize_t n = ::read(fd.get(), room, sizeof room);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(errno_error(errno, "cannot read " + name));
    if (n == 0) return text;
    if (text.size() + static_cast<std::size_t>(n) > limit) {
      return fail(Code::too_large, "cannot read " + name + ": it is longer than " + std::to_string(limit) + " bytes");
    }
    text.append(room, static_cast<std::size_t>(n));
  }
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd> open(const std::string& path, int flags, mode_t mode) { return open_at(AT_FDCWD, path, flags, mode); }

Result<Fd> open_at(int folder, const std::string& name, int flags, mode_t mode) {
  for (;;) {
    const int fd = ::openat(folder, name.c_str(), flags | O_CLOEXEC, mode);
    if (fd >= 0) return Fd(fd);
    if (errno != EINTR) return tl::unexpected(errno_error(errno, "cannot open " + name));
  }
}

Result<Fd> open_in_root(int root, const std::string& path, int flags, mode_t mode, bool follow) {
  return resolved(root, path, flags, mode,
                  RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (follow ? 0 : RESOLVE_NO_SYMLINKS));
}

Result<Fd> open_beneath(int root, const std::string& path, int flags, mode_t mode) {
  // The kernel takes PATH_MAX bytes at a time; a deeper path is walked in pieces, each below the one before.
  Fd held;
  int from = root;
  std::size_t begin = 0;
  while (path.size() - begin >= PATH_MAX) {
    const auto slash = path.rfind('/', begin + PATH_MAX - 1);
    if (slash == std::string::npos || slash <= begin) {
      return tl::unexpected(errno_error(ENAMETOOLONG, "cannot open " + path.substr(begin, 64) + "..."));
    }
    held = TRY(resolved(from, path.substr(begin, slash - begin), O_PATH | O_DIRECTORY, 0,
                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS));
    from = held.get();
    begin = slash + 1;
  }
  return resolved(from, path.substr(begin), flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  return read_file_at(AT_FDCWD, path, limit);
}

Result<std::string> read_file_at(int folder, const std::string& name, std::size_t limit) {
  const Fd fd = TRY(open_at(folder, name, O_RDONLY));
  return read_whole(fd, name, limit);
}

Status write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(errno_error(errno, "cannot write"));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Status write_file(const std::string& path, std::string_view text, mode_t mode) {
  // Two writers of one file must not share the new text's name, or the winner could install a mixture.
  static std::atomic<unsigned> count{0};
  const std::string fresh = path + ".new-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  auto give_up = [&](Error error) {
    ::unlink(fresh.c_str());
    return tl::unexpected(in_context("cannot replace " + path, std::move(error)));
  };
  // A leftover under this name is of a dead process that had our number.
  ::unlink(fresh.c_str());
  auto fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (!fd) return tl::unexpected(in_context("cannot replace " + path, fd.error()));
  if (auto written = write_all(fd->get(), text); !written) return give_up(written.error());
  if (::fchmod(fd->get(), mode) != 0) return give_up(errno_error(errno, "cannot set its mode"));
  if (::fsync(fd->get()) != 0) return give_up(errno_error(errno, "cannot sync it"));
  if (::rename(fresh.c_str(), path.c_str()) != 0) return give_up(errno_error(errno, "cannot rename the new text"));
  return sync_folder(folder_of(path));
}

Status make_folders(const std::string& path, mode_t mode) {
  for (std::size_t end = 1; end <= path.size(); ++end) {
    if (end < path.size() && path[end] != '/') continue;
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) == 0) continue;
    const int number = errno;
    struct stat info {};
    // A read-only or forbidden parent answers otherwise than EEXIST for a folder that is there.
    if (::stat(part.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) continue;
    return tl::unexpected(errno_error(number, "cannot make the folder " + part));
  }
  return {};
}

Status sync_folder(const std::string& path) {
  const Fd fd = TRY(open(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return tl::unexpected(errno_error(errno, "cannot sync the folder " + path));
  return {};
}

Result<std::vector<std::string>> list_folder(const std::string& path) { return list_folder_at(AT_FDCWD, path); }

Result<std::vector<std::string>> list_folder_at(int folder, const std::string& name) {
  Fd fd = TRY(open_at(folder, name, O_RDONLY | O_DIRECTORY));
  DIR* stream = ::fdopendir(fd.get());
  if (stream == nullptr) return tl::unexpected(errno_error(errno, "cannot list " + name));
  fd.release();
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view found = entry->d_name;
    if (found != "." && found != "..") names.emplace_back(found);
    errno = 0;
  }
  const int number = errno;
  ::closedir(stream);
  if (number != 0) return tl::unexpected(errno_error(number, "cannot list " + name));
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::int64_t> free_bytes(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) {
    return tl::unexpected(errno_error(errno, "cannot ask for the free space of " + path));
  }
  return static_cast<std::int64_t>(info.f_bavail) * static_cast<std::int64_t>(info.f_frsize);
}

}  // namespace mayfly::os
