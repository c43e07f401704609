#include "driver/crun/debian.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::crun {

namespace {

// A slow mirror and two hundred packages; a hung one must not hold the place of other builds for ever.
constexpr std::chrono::minutes patience{30};
constexpr std::size_t said_limit = 4 << 20;
constexpr std::size_t lines_told = 8;
constexpr const char* tools_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// What installing packages has no use for. It has one for mknod and mount: it makes /dev, and /proc in its namespace.
constexpr const char* dropped =
    "-sys_module,-sys_rawio,-sys_boot,-sys_time,-sys_ptrace,-sys_pacct,-sys_nice,-sys_resource,-sys_tty_config,"
    "-net_admin,-net_raw,-net_bind_service,-net_broadcast,-linux_immutable,-ipc_lock,-ipc_owner,-lease,-syslog,"
    "-mac_admin,-mac_override,-wake_alarm,-block_suspend,-audit_control,-audit_read";

struct IndexTarget {
  std::string site, release, codename, origin;
};

/// Programs of a build get nothing of the server's environment but the way to the network: it holds a key.
std::vector<std::string> environment(const std::string& proxy) {
  std::vector<std::string> env = {std::string("PATH=") + tools_path, "HOME=/nonexistent", "LC_ALL=C.UTF-8",
                                  "DEBIAN_FRONTEND=noninteractive"};
  bool http = false;
  for (const char* name : {"http_proxy", "https_proxy", "no_proxy"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    env.push_back(std::string(name) + "=" + value);
    http = http || std::string_view(name) == "http_proxy";
  }
  if (!http && !proxy.empty()) env.push_back("http_proxy=" + proxy);
  return env;
}

std::string output_of(std::vector<std::string> argv) {
  os::RunOptions run;
  run.argv = std::move(argv);
  const auto done = os::run(run);
  return done && done->exit_code == 0 ? done->out : std::string();
}

/// "http://proxy:3128" of apt's own configuration, or nothing.
std::string proxy_of_apt() {
  auto text = output_of({"apt-config", "shell", "proxy", "Acquire::http::Proxy"});   // proxy='http://...'
  const auto open = text.find('\''), close = text.rfind('\'');
  if (open == std::string::npos || close <= open) return {};
  text = text.substr(open + 1, close - open - 1);
  return text == "DIRECT" ? std::string() : text;
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(at), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::vector<IndexTarget> targets_of_apt() {
  std::vector<IndexTarget> targets;
  for (const auto& line : split(output_of({"apt-get", "indextargets", "--format",
                                           "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)|",
                                           "Created-By: Packages"}), '\n')) {
    const auto parts = split(line, '|');
    if (parts.size() >= 5 && parts[4] == "main") targets.push_back({parts[0], parts[1], parts[2], parts[3]});
  }
  return targets;
}

/// The archive that this host has that release from, or any release of Debian's own.
Result<std::string> mirror_for(const std::string& release, const DebianSource& source) {
  if (!source.mirror.empty()) return source.mirror;
  const auto targets = targets_of_apt();
  const auto from = [&](auto fits) {
    const auto found = std::find_if(targets.begin(), targets.end(), fits);
    return found == targets.end() ? std::string() : found->site;
  };
  auto site = from([&](const IndexTarget& t) { return t.release == release || t.codename == release; });
  const auto plain = [](const std::string& name) { return name.find_first_of("-/") == std::string::npos; };
  if (site.empty()) site = from([&](const IndexTarget& t) { return t.origin == "Debian" && plain(t.release); });
  if (site.starts_with("http://") || site.starts_with("https://") || site.starts_with("file:")) return site;
  return fail(Code::unsupported,
              "build an image: apt on this host is not configured for a Debian archive that debootstrap can read; name "
              "one as debian_mirror under [images] in the configuration",
              "debian_mirror_unknown");
}

bool in_path(const std::string& name) {
  for (const auto& folder : split(tools_path, ':'))
    if (::access((folder + "/" + name).c_str(), X_OK) == 0) return true;
  return false;
}

Status tools_are_there(const DebianSource& source) {
  for (const auto& [tool, package] : {std::pair("debootstrap", "debootstrap"), {"unshare", "util-linux"},
                                      {"setpriv", "util-linux"}})
    if (!in_path(tool))
      return fail(Code::unsupported,
                  std::string("build an image: the server's host has no ") + tool + "; there: apt-get install " +
                      package,
                  "debootstrap_missing");
  if (::access(source.keyring.c_str(), R_OK) == 0) return {};
  return fail(Code::unsupported,
              "build an image: no keyring " + source.keyring +
                  " to check the archive's signatures with; on the server's host: apt-get install "
                  "debian-archive-keyring",
              "debian_keyring_missing");
}

/// Whoever is told of a mirror is not told of the password in its address.
std::string without_credentials(std::string text) {
  for (auto at = text.find("//"); at != std::string::npos; at = text.find("//", at + 2)) {
    const auto end = std::min(text.find_first_of("/ \n'\"", at + 2), text.size());
    const auto sign = text.rfind('@', end);
    if (sign != std::string::npos && sign > at + 1 && sign < end) text.erase(at + 2, sign - at - 1);
  }
  return text;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string told;
  for (std::size_t i = lines.size() - std::min(lines.size(), lines_told); i < lines.size(); ++i)
    told += (told.empty() ? "" : "; ") + lines[i];
  return told;
}

/// Its complaints; where it only says that something it ran has failed, the end of the log has the reason.
std::string reason_of(const std::string& said, const std::string& rootfs) {
  auto lines = split(said, '\n');
  std::erase_if(lines, [](const std::string& line) { return !line.starts_with("E: "); });
  const bool vague = lines.empty() || said.find("Failure ") != std::string::npos;
  const auto log = os::read_file(rootfs + "/debootstrap/debootstrap.log", said_limit);
  if (vague && log)
    for (auto& line : split(*log, '\n')) lines.push_back(std::move(line));
  auto told = without_credentials(joined(lines.empty() ? split(said, '\n') : lines));
  for (auto at = told.find(rootfs); at != std::string::npos; at = told.find(rootfs)) told.erase(at, rootfs.size());
  return told;
}

Error failure_of(const ImageRecipe& recipe, const os::RunOutcome& done, const std::string& rootfs) {
  const bool of_the_wish = done.out.find("E: Couldn't find these debs") != std::string::npos ||
                           done.out.find("E: No such script") != std::string::npos ||
                           done.out.find("E: Invalid Release") != std::string::npos;
  return {of_the_wish ? Code::invalid : Code::unavailable,
          "build an image of Debian " + recipe.release + ": debootstrap ended with " + std::to_string(done.exit_code) +
              ": " + reason_of(done.out, rootfs),
          of_the_wish ? "package_unknown" : "build_failed", {}};
}

os::RunOptions confined(const ImageRecipe& recipe, const DebianSource& source, const std::string& mirror,
                        const std::string& rootfs) {
  os::RunOptions run;
  // Its complaints go where its progress goes.
  run.argv = {"/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"};
  // A pid namespace dies with its first process, and that one with unshare; a mount namespace with its last one.
  run.argv.insert(run.argv.end(), {"unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                                   "--kill-child=KILL", "--ipc", "--uts", "setpriv", "--no-new-privs",
                                   std::string("--bounding-set=") + dropped, "debootstrap", "--variant=minbase",
                                   "--keyring=" + source.keyring});
  std::string packages;
  for (const auto& package : recipe.packages) packages += (packages.empty() ? "" : ",") + package;
  if (!packages.empty()) run.argv.push_back("--include=" + packages);
  run.argv.insert(run.argv.end(), {recipe.release, rootfs, mirror});
  run.env = environment(proxy_of_apt());
  run.cwd = "/";
  run.timeout = patience;
  run.output_limit = said_limit;
  if (source.lock_fd >= 0) run.pass = {source.lock_fd};
  run.in_child = [server = ::getpid()] {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno;
    return ::getppid() == server ? 0 : ESRCH;   // it died before it could be followed
  };
  return run;
}

Status empty_folder(const std::string& path) {
  const auto names = os::list_folder(path);
  if (!names) return names.error().code == Code::not_found ? Status() : tl::unexpected(names.error());
  for (const auto& name : *names) TRY(os::remove_tree(path + "/" + name));
  return {};
}

/// What apt fetched, what was logged, and what is of this host. Links of the tree are not followed: the folders are
/// those of the base system, just made.
Status strip(const std::string& rootfs, const std::string& mirror) {
  for (const char* folder : {"/dev", "/proc", "/sys", "/tmp", "/run", "/var/lib/apt/lists", "/var/cache/apt",
                             "/var/cache/debconf", "/var/log/apt", "/var/tmp"})
    TRY(empty_folder(rootfs + folder));
  for (const char* file : {"/var/log/bootstrap.log", "/var/log/dpkg.log", "/var/log/alternatives.log",
                           "/var/cache/ldconfig/aux-cache", "/etc/hostname", "/etc/machine-id",
                           "/var/lib/dbus/machine-id", "/etc/resolv.conf", "/var/lib/dpkg/status-old",
                           "/var/lib/dpkg/diversions-old", "/var/lib/dpkg/available-old", "/etc/passwd-",
                           "/etc/shadow-", "/etc/group-", "/etc/gshadow-"})
    if (::unlink((rootfs + file).c_str()) != 0 && errno != ENOENT)
      return tl::unexpected(errno_error(errno, std::string("remove ") + file + " from the image"));
  TRY(os::write_file(rootfs + "/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"));
  // The address may hold a password, which is for this host alone.
  if (mirror.find('@') != std::string::npos) TRY(os::write_file(rootfs + "/etc/apt/sources.list", ""));
  return {};
}

/// Files that came with packages have the packages' times. Those that were made here get one time for all builds, so
/// that the same packages are the same image.
Status settle_times(const std::string& rootfs, std::time_t began) {
  namespace fs = std::filesystem;
  constexpr timespec long_ago[2] = {{0, 0}, {0, 0}};
  std::error_code error;
  for (fs::recursive_directory_iterator at(rootfs, error), end; !error && at != end; at.increment(error)) {
    struct stat info{};
    if (::lstat(at->path().c_str(), &info) != 0 || info.st_mtime < began) continue;
    if (::utimensat(AT_FDCWD, at->path().c_str(), long_ago, AT_SYMLINK_NOFOLLOW) != 0)
      return tl::unexpected(errno_error(errno, "set the time of " + at->path().string()));
  }
  if (error) return fail(Code::internal, "walk " + rootfs + ": " + error.message());
  return {};
}

}  // namespace

Status make_debian_rootfs(const ImageRecipe& recipe, const DebianSource& source, const std::string& rootfs,
                          const BuildWatch& watch) {
  TRY(tools_are_there(source));
  const auto mirror = TRY(mirror_for(recipe.release, source));
  const auto began = std::time(nullptr);
  auto run = confined(recipe, source, mirror, rootfs);
  run.watch = [&watch](std::string_view said) {
    if (said.find("I: Extracting") != std::string_view::npos) FAILPOINT("images.build.within_tools");
    return watch(without_credentials(std::string(said)));
  };
  FAILPOINT("images.build.before_tools");
  const auto done = TRY(os::run(run));
  if (done.exit_code != 0) return tl::unexpected(failure_of(recipe, done, rootfs));
  TRY(watch(without_credentials(done.out)));
  TRY(strip(rootfs, mirror));
  return settle_times(rootfs, began);
}

}  // namespace mayfly::crun
