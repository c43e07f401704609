#pragma once

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/stream.h"
#include "os/file.h"
#include "os/layer_tar.h"

namespace mayfly::os::testing {

/// A folder of the test's own, gone at its end.
class TempFolder {
 public:
  TempFolder() {
    std::string text = (std::filesystem::temp_directory_path() / "mayfly-test-XXXXXX").string();
    if (::mkdtemp(text.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = text;
    ::chmod(text.c_str(), 0755);
    fd_ = Fd(::open(text.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~TempFolder() { (void)remove_tree(path_); }
  TempFolder(const TempFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  int fd() const { return fd_.get(); }

 private:
  std::string path_;
  Fd fd_;
};

inline void must(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what + ": " + std::strerror(errno));
}

inline void put(const std::string& path, std::string_view text, mode_t mode = 0644) {
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  must(static_cast<bool>(fd), path);
  must(write_all(fd.get(), text).has_value(), path);
  must(::fchmod(fd.get(), mode) == 0, path);
}

inline void set_mtime(const std::string& path, std::int64_t seconds, long nanoseconds) {
  const timespec times[2] = {{0, UTIME_OMIT}, {seconds, nanoseconds}};
  must(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0, path);
}

inline void set_xattr(const std::string& path, const std::string& name, std::string_view value) {
  must(::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) == 0, path + " " + name);
}

inline std::string get_xattr(const std::string& path, const std::string& name) {
  std::string value(65536, '\0');
  const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return "(none)";
  value.resize(static_cast<std::size_t>(size));
  return value;
}

inline struct stat look(const std::string& path) {
  struct stat info {};
  must(::lstat(path.c_str(), &info) == 0, path);
  return info;
}

inline bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

inline std::string text_of(const std::string& path) {
  auto text = read_file(path);
  must(text.has_value(), path);
  return *text;
}

inline std::string link_of(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  must(size >= 0, path);
  target.resize(static_cast<std::size_t>(size));
  return target;
}

inline void whiteout(const std::string& path) { must(::mknod(path.c_str(), S_IFCHR, makedev(0, 0)) == 0, path); }

class StringSink : public Sink {
 public:
  Status write(std::span<const char> bytes) override {
    text.append(bytes.data(), bytes.size());
    return {};
  }
  std::string text;
};

/// Gives its text in pieces of at most `piece` bytes.
class StringSource : public Source {
 public:
  explicit StringSource(std::string text, std::size_t piece = 1 << 20) : text_(std::move(text)), piece_(piece) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto count = std::min({room.size(), text_.size() - at_, piece_});
    std::memcpy(room.data(), text_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

struct Packed {
  std::string tar, manifest;
  ManifestSummary summary;
};

inline Result<Packed> pack(const TempFolder& layer, const Exclusions& exclude = {}) {
  StringSink tar, manifest;
  auto summary = pack_layer(layer.fd(), exclude, tar, manifest);
  if (!summary) return tl::unexpected(summary.error());
  return Packed{tar.text, manifest.text, *summary};
}

inline Result<ManifestSummary> unpack(const std::string& tar, const TempFolder& into) {
  StringSource source(tar);
  return unpack_layer(source, into.fd());
}

inline Result<ManifestSummary> read_back(const std::string& tar, const std::string& manifest) {
  StringSource source(tar), expected(manifest);
  return read_back_layer(source, &expected);
}

}  // namespace mayfly::os::testing
