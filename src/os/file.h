#pragma once
// Files and folders, by descriptors: what stands between a check and its use is held open, never looked up twice.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace mayfly::os {

/// An open descriptor, closed when dropped. Always close-on-exec.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

Result<Fd> open(const std::string& path, int flags, mode_t mode = 0);                 // O_CLOEXEC added
Result<Fd> open_at(int folder, const std::string& name, int flags, mode_t mode = 0);

/// Opens `path` as a process whose root is `root` would see it: "..", absolute and symbolic links all stay inside
/// (openat2, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS). With `follow` false a link anywhere in it is refused.
Result<Fd> open_in_root(int root, const std::string& path, int flags, mode_t mode = 0, bool follow = true);

/// Opens `path` below `root`: "..", an absolute path, a symbolic link or a magic link anywhere in it is refused, so
/// that nothing swapped in meanwhile leads out. Paths may be longer than PATH_MAX.
Result<Fd> open_beneath(int root, const std::string& path, int flags, mode_t mode = 0);

Result<std::string> read_file(const std::string& path, std::size_t limit = 64 << 20);
Result<std::string> read_file_at(int folder, const std::string& name, std::size_t limit = 64 << 20);
Status write_all(int fd, std::string_view bytes);

/// Replaces the file in one step and syncs bytes and name: after a crash it holds the old text or the new.
Status write_file(const std::string& path, std::string_view text, mode_t mode = 0644);

Status make_folders(const std::string& path, mode_t mode = 0755);   // with parents; existing is success
Status sync_folder(const std::string& path);

/// Removes name below `folder` and all in it, crossing no mount and following no link. Absent is success; busy names
/// the entry that would not go.
Status remove_tree_at(int folder, const std::string& name);
Status remove_tree(const std::string& path);

/// Names in a folder, sorted, without "." and "..".
Result<std::vector<std::string>> list_folder(const std::string& path);
Result<std::vector<std::string>> list_folder_at(int folder, const std::string& name);

/// Bytes allocated on disk by everything below, hard links counted once; entries that vanish meanwhile are skipped.
Result<std::int64_t> disk_usage(int folder);

/// Free bytes for an unprivileged writer on the file system that holds path.
Result<std::int64_t> free_bytes(const std::string& path);

}  // namespace mayfly::os
