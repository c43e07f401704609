#include "archive/folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "os/file.h"

namespace mayfly {

namespace {

constexpr std::string_view partial_suffix = ".partial";
// A name with the suffix must still be a name.
constexpr std::size_t longest_segment = 255 - partial_suffix.size();
constexpr std::size_t longest_key = 1024;

bool is_key_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

Status check_key(const std::string& key) {
  const auto bad = [&](const char* why) {
    return fail(Code::invalid, "object key \"" + key.substr(0, 200) + "\" " + why);
  };
  if (key.empty() || key.size() > longest_key) return bad("is empty or too long");
  for (std::size_t begin = 0; begin <= key.size();) {
    const auto end = std::min(key.find('/', begin), key.size());
    const auto segment = std::string_view(key).substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return bad("has an empty or dotted segment");
    if (segment.size() > longest_segment + (segment.ends_with(partial_suffix) ? partial_suffix.size() : 0)) {
      return bad("has too long a segment");
    }
    if (!std::all_of(segment.begin(), segment.end(), is_key_letter)) return bad("has a byte outside of A-Za-z0-9._-");
    begin = end + 1;
  }
  return {};
}

/// Makes the folder and its parents, each name synced: a synced file in a folder that a crash forgets is lost too.
Status make_durable_folders(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  const auto slash = path.find_last_of('/');
  const std::string parent = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (slash != std::string::npos && slash > 0) TRY(make_durable_folders(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return tl::unexpected(errno_error(errno, "cannot make the folder " + path));
  }
  return os::sync_folder(parent);
}

std::string folder_of(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

/// A new locked file of that name. The lock tells a living writer from the leftover of a dead one.
Result<os::Fd> make_partial(const std::string& path) {
  // Another writer may take or drop the name between two of our looks at it.
  constexpr int tries = 16;
  for (int i = 0; i < tries; ++i) {
    auto fd = os::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    const bool is_new = fd.has_value();
    if (!is_new) {
      if (fd.error().code != Code::conflict) return fd;
      fd = os::open(path, O_WRONLY | O_NOFOLLOW);
      if (!fd && fd.error().code == Code::not_found) continue;
      if (!fd) return fd;
    }
    if (::flock(fd->get(), LOCK_EX | LOCK_NB) != 0) {
      return fail(Code::busy, "cannot write " + path + ": another writer is at it");
    }
    struct stat ours {}, named {};
    const bool still_named = ::fstat(fd->get(), &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
                             ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
    if (is_new && still_named) return fd;
    // Of a dead writer, and locked by us now: nobody else removes it meanwhile.
    if (still_named) ::unlink(path.c_str());
  }
  return fail(Code::busy, "cannot write " + path + ": other writers keep taking it");
}

class FileWriter : public BlobWriter {
 public:
  FileWriter(os::Fd fd, std::string key, std::string path, std::string partial)
      : fd_(std::move(fd)), key_(std::move(key)), path_(std::move(path)), partial_(std::move(partial)) {}
  ~FileWriter() override { give_up(); }

  Status write(std::span<const char> bytes) override {
    if (!fd_) return fail(Code::conflict, "cannot write object " + key_ + ": its writer has ended");
    FAILPOINT("blob.write.before");
    if (auto written = os::write_all(fd_.get(), {bytes.data(), bytes.size()}); !written) {
      // The room it took may be what others wait for.
      give_up();
      return tl::unexpected(in_context("object " + key_, written.error()));
    }
    FAILPOINT("blob.write.after");
    written_ += bytes.size();
    start_writeback();
    return {};
  }

  Status commit() override {
    if (!fd_) return fail(Code::conflict, "cannot store object " + key_ + ": its writer has ended");
    FAILPOINT("blob.commit.before_sync");
    if (::fsync(fd_.get()) != 0) {
      const int number = errno;
      give_up();
      return tl::unexpected(errno_error(number, "cannot sync object " + key_));
    }
    FAILPOINT("blob.commit.before_rename");
    if (::renameat2(AT_FDCWD, partial_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
      const int number = errno;
      give_up();
      if (number == EEXIST) return fail(Code::conflict, "cannot store object " + key_ + ": there is one already");
      return tl::unexpected(errno_error(number, "cannot name object " + key_));
    }
    FAILPOINT("blob.commit.after_rename");
    fd_.reset();
    if (auto synced = os::sync_folder(folder_of(path_)); !synced) {
      return fail(Code::unknown, "object " + key_ + " may not survive a crash: " + synced.error().message);
    }
    FAILPOINT("blob.commit.after_sync");
    return {};
  }

 private:
  void give_up() {
    if (!fd_) return;
    ::unlink(partial_.c_str());
    fd_.reset();
  }

  /// Lets the disk begin early, so that the last sync has little left to wait for.
  void start_writeback() {
    constexpr std::size_t stretch = 16 << 20;
    if (written_ - flushed_ < stretch) return;
    ::sync_file_range(fd_.get(), static_cast<off64_t>(flushed_), static_cast<off64_t>(written_ - flushed_),
                      SYNC_FILE_RANGE_WRITE);
    flushed_ = written_;
  }

  os::Fd fd_;
  std::string key_, path_, partial_;
  std::size_t written_ = 0, flushed_ = 0;
};

class FileSource : public Source {
 public:
  FileSource(os::Fd fd, std::string key) : fd_(std::move(fd)), key_(std::move(key)) {}

  Result<std::size_t> read(std::span<char> room) override {
    for (;;) {
      const ssize_t count = ::read(fd_.get(), room.data(), room.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return tl::unexpected(errno_error(errno, "cannot read object " + key_));
    }
  }

 private:
  os::Fd fd_;
  std::string key_;
};

}  // namespace

Result<std::unique_ptr<BlobWriter>> FolderBlobStore::create(const std::string& key) {
  TRY(check_key(key));
  if (key.ends_with(partial_suffix)) {
    return fail(Code::invalid, "object key \"" + key + "\" ends as unfinished ones do");
  }
  const std::string path = path_of(key);
  const std::string partial = path + std::string(partial_suffix);
  TRY(make_durable_folders(folder_of(path)));
  os::Fd fd = TRY(make_partial(partial));
  auto writer = std::make_unique<FileWriter>(std::move(fd), key, path, partial);
  // Told now rather than after gigabytes; commit is what makes it certain.
  if (::access(path.c_str(), F_OK) == 0) {
    return fail(Code::conflict, "cannot store object " + key + ": there is one already");
  }
  return std::unique_ptr<BlobWriter>(std::move(writer));
}

Result<std::unique_ptr<Source>> FolderBlobStore::open(const std::string& key) { return open_at(key, 0); }

Result<std::unique_ptr<Source>> FolderBlobStore::open_at(const std::string& key, std::int64_t offset) {
  TRY(check_key(key));
  auto fd = os::open(path_of(key), O_RDONLY | O_NOFOLLOW);
  if (!fd) return tl::unexpected(in_context("object " + key, fd.error()));
  if (offset < 0 || ::lseek(fd->get(), offset, SEEK_SET) != offset) {
    return fail(Code::invalid, "cannot read object " + key + " from byte " + std::to_string(offset));
  }
  ::posix_fadvise(fd->get(), offset, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<Source>(std::make_unique<FileSource>(std::move(*fd), key));
}

Result<BlobInfo> FolderBlobStore::stat(const std::string& key) {
  TRY(check_key(key));
  struct stat info {};
  if (::lstat(path_of(key).c_str(), &info) != 0) return tl::unexpected(errno_error(errno, "object " + key));
  if (!S_ISREG(info.st_mode)) return fail(Code::not_found, "object " + key + ": that name is no file");
  return BlobInfo{key, info.st_size};
}

Status FolderBlobStore::remove(const std::string& key) {
  TRY(check_key(key));
  const std::string path = path_of(key);
  FAILPOINT("blob.remove.before_unlink");
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return tl::unexpected(errno_error(errno, "cannot remove object " + key));
  }
  FAILPOINT("blob.remove.after_unlink");
  return os::sync_folder(folder_of(path));
}

Result<std::vector<BlobInfo>> FolderBlobStore::list(const std::string& prefix) {
  std::vector<BlobInfo> found;
  std::vector<std::string> folders{""};
  while (!folders.empty()) {
    const std::string folder = std::move(folders.back());
    folders.pop_back();
    auto names = os::list_folder(folder_ + "/" + folder);
    if (!names && names.error().code == Code::not_found) continue;
    if (!names) return tl::unexpected(names.error());
    for (const std::string& name : *names) {
      const std::string key = folder + name;
      struct stat info {};
      if (::lstat(path_of(key).c_str(), &info) != 0) continue;
      if (S_ISREG(info.st_mode) && key.starts_with(prefix)) found.push_back({key, info.st_size});
      const std::string below = key + "/";
      if (S_ISDIR(info.st_mode) && (below.starts_with(prefix) || prefix.starts_with(below))) folders.push_back(below);
    }
  }
  std::sort(found.begin(), found.end(), [](const BlobInfo& a, const BlobInfo& b) { return a.key < b.key; });
  return found;
}

}  // namespace mayfly
