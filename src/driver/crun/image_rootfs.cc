#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/crun/image_formats.h"
#include "os/file.h"
#include "os/hash.h"
#include "os/layer_tar.h"
#include "os/process.h"

namespace mayfly::crun {

namespace {

constexpr timespec long_ago[2] = {{0, 0}, {0, 0}};

tl::unexpected<Error> failed(const std::string& what) { return tl::unexpected(errno_error(errno, what)); }

/// A real folder there, never a link to one: what is mounted over it must not land elsewhere.
Status ensure_folder(const os::Fd& root, const char* name, mode_t mode) {
  if (::mkdirat(root.get(), name, mode) == 0) {
    // mkdir's mode is cut by the umask.
    if (::fchmodat(root.get(), name, mode, 0) != 0) return failed(std::string("set the mode of ") + name);
    return {};
  }
  struct stat info{};
  if (errno != EEXIST || ::fstatat(root.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0)
    return failed(std::string("make folder ") + name + " in the image");
  if (S_ISDIR(info.st_mode)) return {};
  return fail(Code::invalid, std::string("/") + name + " of the image is not a folder");
}

Status put_file(const os::Fd& root, const char* name, std::string_view text, mode_t mode) {
  const auto fd = TRY(os::open_at(root.get(), name, O_WRONLY | O_CREAT | O_EXCL, mode));
  TRY(os::write_all(fd.get(), text));
  if (::fchmod(fd.get(), mode) != 0 || ::futimens(fd.get(), long_ago) != 0)
    return failed(std::string("finish ") + name + " in the image");
  return {};
}

Status put_link(const os::Fd& root, const std::string& name, const char* target) {
  if (::symlinkat(target, root.get(), name.c_str()) != 0 && errno != EEXIST)
    return failed("link " + name + " in the image");
  ::utimensat(root.get(), name.c_str(), long_ago, AT_SYMLINK_NOFOLLOW);
  return {};
}

class Nowhere : public Sink {
 public:
  Status write(std::span<const char>) override { return {}; }
};

/// Hashes the lines of a manifest without the times of folders.
class ContentLines : public Sink {
 public:
  Status write(std::span<const char> bytes) override {
    pending_.append(bytes.data(), bytes.size());
    std::size_t end;
    while ((end = pending_.find('\n')) != std::string::npos) {
      auto line = pending_.substr(0, end + 1);
      pending_.erase(0, end + 1);
      // Quotes inside names are escaped in a manifest, so neither text can be part of one.
      constexpr std::string_view time = ",\"mtime_ns\":";
      const auto at = line.find(time);
      if (at != std::string::npos && line.find("\",\"type\":\"folder\"") != std::string::npos)
        line.erase(at, line.find_first_not_of("-0123456789", at + time.size()) - at);
      hash_.update(line);
    }
    return {};
  }
  std::string hex() { return hash_.hex(); }

 private:
  std::string pending_;
  os::Sha256 hash_;
};

}  // namespace

Status prepare_rootfs(const std::string& rootfs) {
  const auto root = TRY(os::open(rootfs, O_RDONLY | O_DIRECTORY));
  for (const char* name : {"proc", "sys", "dev"}) TRY(ensure_folder(root, name, 0755));
  TRY(ensure_folder(root, "tmp", 01777));
  TRY(ensure_folder(root, "root", 0700));
  // Ours alone, whatever the image had there.
  TRY(os::remove_tree_at(root.get(), ".mayfly"));
  TRY(ensure_folder(root, ".mayfly", 0755));
  TRY(put_file(root, ".mayfly/agent", "", 0555));
  // A place for the bind mount of a sandbox with a network, which would else be made in its layer. An image that has
  // something else there, or an /etc of its own mind, keeps it.
  ::mkdirat(root.get(), "etc", 0755);
  const auto place = os::open_in_root(root.get(), "etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL, 0644);
  if (place && (::fchmod(place->get(), 0644) != 0 || ::futimens(place->get(), long_ago) != 0))
    return failed("finish etc/resolv.conf in the image");
  if (::fchmod(root.get(), 0755) != 0) return failed("set the mode of " + rootfs);
  return {};
}

Status ensure_workdir(const std::string& rootfs, const std::string& workdir) {
  const auto root = TRY(os::open(rootfs, O_RDONLY | O_DIRECTORY));
  auto at = TRY(os::open_in_root(root.get(), ".", O_PATH | O_DIRECTORY));
  for (std::size_t begin = 1; begin < workdir.size();) {
    const auto end = std::min(workdir.find('/', begin), workdir.size());
    const auto part = workdir.substr(begin, end - begin);
    // ".." is the image's own riddle: what is there is found when a program starts.
    if (part == "..") return {};
    if (!part.empty() && ::mkdirat(at.get(), part.c_str(), 0755) != 0 && errno != EEXIST)
      return failed("make the working folder " + workdir + " of the image");
    // From the root each time, so that a link on the way leads where it leads inside.
    at = TRY(os::open_in_root(root.get(), workdir.substr(1, end - 1), O_PATH | O_DIRECTORY));
    begin = end + 1;
  }
  return {};
}

Status make_busybox_rootfs(const std::string& busybox, const std::string& rootfs) {
  const auto program = TRY(os::read_file(busybox));
  os::RunOptions listing;
  listing.argv = {busybox, "--list"};
  const auto applets = TRY(os::run(listing));
  if (applets.exit_code != 0)
    return fail(Code::unsupported, busybox + " --list ended with " + std::to_string(applets.exit_code));

  TRY(os::make_folders(rootfs));
  const auto root = TRY(os::open(rootfs, O_RDONLY | O_DIRECTORY));
  for (const char* name : {"bin", "sbin", "etc", "home", "usr", "usr/bin", "usr/sbin", "usr/local", "usr/local/bin",
                           "var", "var/log", "mnt", "opt", "run"})
    TRY(ensure_folder(root, name, 0755));
  TRY(ensure_folder(root, "var/tmp", 01777));
  TRY(put_file(root, "bin/busybox", program, 0755));
  std::string name;
  for (char c : applets.out) {
    if (c != '\n') {
      name += c;
    } else {
      if (!name.empty() && name != "busybox") TRY(put_link(root, "bin/" + name, "busybox"));
      name.clear();
    }
  }
  TRY(put_link(root, "usr/bin/env", "../../bin/busybox"));
  TRY(put_file(root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n", 0644));
  TRY(put_file(root, "etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n", 0644));
  TRY(put_file(root, "etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n", 0644));
  return put_file(root, "etc/resolv.conf", "", 0644);
}

Result<std::string> tree_digest(const std::string& rootfs) {
  const auto root = TRY(os::open(rootfs, O_RDONLY | O_DIRECTORY));
  Nowhere tar;
  ContentLines lines;
  TRY(os::pack_layer(root.get(), {}, tar, lines));
  return lines.hex();
}

}  // namespace mayfly::crun
