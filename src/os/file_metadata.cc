#include "os/file_metadata.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/xattrs.h"

namespace mayfly::os {

namespace {

constexpr std::int64_t page = 4096;
constexpr std::array<char, page> zero_page{};

Status write_at(int fd, std::int64_t offset, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(fd, bytes.data(), bytes.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return tl::unexpected(errno_error(errno, "cannot write its content"));
    offset += count;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Status FileContent::write(std::int64_t offset, std::span<const char> bytes) {
  const std::int64_t end = offset + static_cast<std::int64_t>(bytes.size());
  if (!sparse_) {
    end_ = end;
    return write_at(fd_, offset, bytes);
  }
  // Runs of pages that are not all zeros, cut where the file's own pages begin.
  auto piece_end = [&](std::int64_t at) { return std::min(end, at - at % page + page); };
  auto is_zero = [&](std::int64_t at) {
    return std::memcmp(bytes.data() + (at - offset), zero_page.data(),
                       static_cast<std::size_t>(piece_end(at) - at)) == 0;
  };
  for (std::int64_t at = offset; at < end;) {
    const std::int64_t begin = at;
    while (at < end && !is_zero(at)) at = piece_end(at);
    if (at > begin) {
      TRY(write_at(fd_, begin, bytes.subspan(static_cast<std::size_t>(begin - offset),
                                             static_cast<std::size_t>(at - begin))));
      end_ = at;
    }
    while (at < end && is_zero(at)) at = piece_end(at);
  }
  return {};
}

Status FileContent::finish(std::int64_t size) {
  if (end_ == size) return {};
  if (::ftruncate(fd_, size) != 0) {
    return tl::unexpected(errno_error(errno, "cannot make it " + std::to_string(size) + " bytes long"));
  }
  return {};
}

Status set_metadata(int fd, const LayerEntry& entry) {
  // A new owner clears setuid bits and capabilities; a mode is part of an access list, which comes after it.
  if (::fchown(fd, entry.uid, entry.gid) != 0) return tl::unexpected(errno_error(errno, "cannot set its owner"));
  if (::fchmod(fd, entry.mode) != 0) return tl::unexpected(errno_error(errno, "cannot set its mode"));
  for (const auto& [name, value] : entry.xattrs) TRY(write_xattr(fd, name, value));
  const timespec times[2] = {{0, UTIME_OMIT}, entry.mtime};
  if (::futimens(fd, times) != 0) return tl::unexpected(errno_error(errno, "cannot set its time"));
  return {};
}

Status mark_opaque(int folder) { return write_xattr(folder, overlay_opaque, "y"); }

Status make_link(int folder, const std::string& name, const LayerEntry& entry) {
  if (::symlinkat(entry.target.c_str(), folder, name.c_str()) != 0) {
    return tl::unexpected(errno_error(errno, "cannot make a link"));
  }
  if (::fchownat(folder, name.c_str(), entry.uid, entry.gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return tl::unexpected(errno_error(errno, "cannot set its owner"));
  }
  for (const auto& [xattr, value] : entry.xattrs) TRY(write_xattr_at(folder, name, xattr, value));
  const timespec times[2] = {{0, UTIME_OMIT}, entry.mtime};
  if (::utimensat(folder, name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return tl::unexpected(errno_error(errno, "cannot set its time"));
  }
  return {};
}

Status make_hardlink(int from, const std::string& target, int folder, const std::string& name) {
  struct stat info {};
  if (::fstatat(from, target.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
      (!S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode))) {
    return fail(Code::invalid, "it is another name of " + shown(target) + ", which is no file here");
  }
  if (::linkat(from, target.c_str(), folder, name.c_str(), 0) == 0) return {};
  return tl::unexpected(errno_error(errno, "cannot make another name of " + shown(target)));
}

}  // namespace mayfly::os
