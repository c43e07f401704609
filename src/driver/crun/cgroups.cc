#include "driver/crun/cgroups.h"

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/crun/layout.h"
#include "driver/crun/processes.h"

namespace mayfly::crun {

namespace {

using Clock = std::chrono::steady_clock;

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  std::string word;
  for (char c : text) {
    if (c != ' ' && c != '\n' && c != ',') {
      word += c;
    } else if (!word.empty()) {
      found.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) found.push_back(std::move(word));
  return found;
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

/// The kernel offers no event for what is waited for here: a freezer's state, the last reference to a dead group.
void breathe() {
  const timespec pause{0, 200'000};
  ::nanosleep(&pause, nullptr);
}

std::int64_t number_in(const std::string& path) {
  const auto text = os::read_file(path, 4096);
  std::int64_t n = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), n);
  return n;
}

/// "key 123" in a file of such lines.
std::int64_t number_after(const std::string& path, std::string_view key) {
  const auto text = os::read_file(path, 1 << 16);
  const auto found = text ? words(*text) : std::vector<std::string>();
  std::int64_t n = 0;
  for (std::size_t i = 0; i + 1 < found.size(); ++i)
    if (found[i] == key) std::from_chars(found[i + 1].data(), found[i + 1].data() + found[i + 1].size(), n);
  return n;
}

Status put(const std::string& path, std::string_view text) {
  const auto fd = TRY(os::open(path, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) < 0) return tl::unexpected(errno_error(errno, "write " + path));
  return {};
}

/// Folders of groups inside the group; a leaf, by far the most common, is known by its link count alone.
std::vector<std::string> children_of(const std::string& folder) {
  struct stat info{};
  if (::stat(folder.c_str(), &info) != 0 || info.st_nlink == 2) return {};
  std::vector<std::string> children;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->is_directory(error) && !at->is_symlink(error)) children.push_back(at->path());
  return children;
}

Status collect_members(const std::string& folder, std::vector<pid_t>& pids) {
  const auto text = os::read_file(folder + "/cgroup.procs");
  if (!text) {
    const auto code = text.error().code;  // the group went away while it was looked at
    if (code == Code::not_found || !exists(folder)) return {};
    return tl::unexpected(text.error());
  }
  for (const auto& word : words(*text))
    if (const auto pid = parse_number(word); pid && *pid > 0) pids.push_back(*pid);
  for (const auto& child : children_of(folder)) TRY(collect_members(child, pids));
  return {};
}

Status remove_group(const std::string& folder, Clock::time_point deadline) {
  for (const auto& child : children_of(folder)) TRY(remove_group(child, deadline));
  while (::rmdir(folder.c_str()) != 0) {
    const int trouble = errno;
    if (trouble == ENOENT) return {};
    std::vector<pid_t> members;
    if (trouble == EBUSY) TRY(collect_members(folder, members));
    if (!members.empty())
      return fail(Code::busy, "remove cgroup " + folder + ": still there is " + describe_process(members.front()));
    // Empty, and still counted for a moment.
    if (trouble != EBUSY || Clock::now() > deadline)
      return tl::unexpected(errno_error(trouble, "remove cgroup " + folder));
    breathe();
  }
  return {};
}

}  // namespace

Cgroups::Cgroups(std::string root) : root_(std::move(root)) {
  if (exists(root_ + "/cgroup.controllers")) {
    mode_ = Mode::v2;
    const auto controllers = os::read_file(root_ + "/cgroup.controllers");
    hierarchies_.push_back({root_, controllers ? words(*controllers) : std::vector<std::string>()});
    return;
  }
  const auto names = os::list_folder(root_);
  if (!names) return;
  for (const auto& name : *names) {
    const auto folder = root_ + "/" + name;
    struct stat info{};
    // cpu -> cpu,cpuacct is a link; the hierarchy is known by its full name.
    if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    if (exists(folder + "/cgroup.controllers"))
      mode_ = Mode::hybrid;
    else if (exists(folder + "/cgroup.procs"))
      hierarchies_.push_back({folder, words(name)});
  }
  if (mode_ == Mode::none && !hierarchies_.empty()) mode_ = Mode::v1;
}

std::vector<std::string> Cgroups::hierarchies() const {
  std::vector<std::string> folders;
  for (const auto& hierarchy : hierarchies_) folders.push_back(hierarchy.folder);
  return folders;
}

const Cgroups::Hierarchy* Cgroups::with(std::string_view controller) const {
  for (const auto& h : hierarchies_)
    if (std::find(h.controllers.begin(), h.controllers.end(), controller) != h.controllers.end()) return &h;
  return nullptr;
}

std::string Cgroups::file(std::string_view controller, const std::string& name, std::string_view leaf) const {
  const auto* hierarchy = mode_ == Mode::v2 ? &hierarchies_.front() : with(controller);
  return hierarchy ? hierarchy->folder + "/" + name + "/" + std::string(leaf) : std::string();
}

Limits Cgroups::enforceable(const Resources& wanted) const {
  Limits limits;
  const auto cannot = [&](const std::string& what) {
    limits.caveats.push_back(what + ": not limited (this host has no such cgroup controller)");
  };
  if (with("memory")) limits.memory_bytes = wanted.memory_mb << 20; else cannot("memory");
  if (with("cpu")) limits.cpus = wanted.cpus; else cannot("cpu");
  if (with("pids")) limits.pids = wanted.pids; else cannot("processes");
  // Version 2 guards devices by a program attached to the group, which needs no controller.
  if (mode_ == Mode::v2 || with("devices")) limits.devices = true; else cannot("devices");
  if (limits.memory_bytes) {
    // The root of version 2 has no swap file of its own to look at; kernels of that age account for swap.
    limits.swap = mode_ == Mode::v2 || exists(with("memory")->folder + "/memory.memsw.limit_in_bytes");
    if (!limits.swap) limits.caveats.push_back("swap: not limited (this kernel does not account for it)");
  }
  return limits;
}

Result<std::vector<std::string>> Cgroups::list(std::string_view prefix, const std::string& in) const {
  std::vector<std::string> found;
  for (const auto& hierarchy : hierarchies_) {
    const auto folder = in.empty() ? hierarchy.folder : hierarchy.folder + "/" + in;
    if (!in.empty() && !exists(folder)) continue;
    for (auto& name : TRY(os::list_folder(folder)))
      if (name.starts_with(prefix)) found.push_back(std::move(name));
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::vector<std::string> Cgroups::folders_of(const std::string& name) const {
  std::vector<std::string> folders;
  for (const auto& hierarchy : hierarchies_)
    if (auto folder = hierarchy.folder + "/" + name; exists(folder)) folders.push_back(std::move(folder));
  return folders;
}

Result<std::vector<pid_t>> Cgroups::members(const std::string& name) const {
  std::vector<pid_t> pids;
  for (const auto& hierarchy : hierarchies_) TRY(collect_members(hierarchy.folder + "/" + name, pids));
  std::sort(pids.begin(), pids.end());
  pids.erase(std::unique(pids.begin(), pids.end()), pids.end());
  return pids;
}

Result<std::vector<pid_t>> Cgroups::members_in_one(const std::string& name) const {
  std::vector<pid_t> pids;
  if (const auto* hierarchy = with("pids")) TRY(collect_members(hierarchy->folder + "/" + name, pids));
  return pids;
}

Status Cgroups::freeze(const std::string& name, Milliseconds patience) const {
  if (TRY(members(name)).empty()) return fail(Code::not_found, "freeze " + name + ": nothing runs in it");
  auto done = set_frozen(name, true, patience);
  // Half frozen is neither: a caller that is told "busy" must find the sandbox running.
  if (!done && done.error().code == Code::busy) TRY(set_frozen(name, false, patience));
  return done;
}

Status Cgroups::thaw(const std::string& name, Milliseconds patience) const {
  if (TRY(members(name)).empty()) return fail(Code::not_found, "thaw " + name + ": nothing runs in it");
  return set_frozen(name, false, patience);
}

Status Cgroups::set_frozen(const std::string& name, bool wanted, Milliseconds patience) const {
  const auto deadline = Clock::now() + patience;
  const bool v2 = mode_ == Mode::v2;
  const auto path = file("freezer", name, v2 ? "cgroup.freeze" : "freezer.state");
  if (path.empty()) return fail(Code::unsupported, "freeze " + name + ": this host has no freezer");
  const auto word = v2 ? (wanted ? "1" : "0") : (wanted ? "FROZEN" : "THAWED");
  for (;;) {
    // Version 1 can stop half way when a process starts another meanwhile, and goes on when it is told again.
    TRY(put(path, word));
    if (v2) {
      if (number_after(file("freezer", name, "cgroup.events"), "frozen") == (wanted ? 1 : 0)) return {};
    } else if (TRY(os::read_file(path, 64)) == std::string(word) + "\n") {
      return {};
    }
    if (Clock::now() > deadline) return fail(Code::busy, "set " + path + " to " + word + ": not so in time");
    breathe();
  }
}

bool Cgroups::frozen(const std::string& name) const {
  if (mode_ == Mode::v2) return number_in(file("freezer", name, "cgroup.freeze")) == 1;
  const auto state = os::read_file(file("freezer", name, "freezer.state"), 64);
  return state && !state->starts_with("THAWED");
}

Status Cgroups::remove(const std::string& name, Milliseconds patience) const {
  const auto deadline = Clock::now() + patience;
  for (const auto& hierarchy : hierarchies_) TRY(remove_group(hierarchy.folder + "/" + name, deadline));
  return {};
}

std::int64_t Cgroups::memory_bytes(const std::string& name) const {
  return number_in(file("memory", name, mode_ == Mode::v2 ? "memory.current" : "memory.usage_in_bytes"));
}

std::int64_t Cgroups::cpu_us(const std::string& name) const {
  if (mode_ == Mode::v2) return number_after(file("cpu", name, "cpu.stat"), "usage_usec");
  return number_in(file("cpuacct", name, "cpuacct.usage")) / 1000;
}

void Cgroups::warm_up() const {
  const auto text = os::read_file("/proc/self/cgroup", 1 << 16);
  if (!text || hierarchies_.empty()) return;
  // "8:pids:/path" of version 1, "0::/path" of version 2.
  const auto* hierarchy = mode_ == Mode::v2 ? &hierarchies_.front() : with("pids");
  const std::string mark = mode_ == Mode::v2 ? "0::" : ":pids:";
  const auto found = text->find(mark);
  if (!hierarchy || found == std::string::npos) return;
  const auto start = found + mark.size();
  (void)put(hierarchy->folder + text->substr(start, text->find('\n', start) - start) + "/cgroup.procs", "0");
}

Result<os::Fd> Cgroups::open_count_only(const std::string& name) const {
  if (hierarchies_.empty()) return fail(Code::unsupported, "make cgroup " + name + ": this host has no cgroups");
  const auto* pids = with("pids");
  const auto folder = (pids ? pids->folder : hierarchies_.front().folder) + "/" + name;
  TRY(os::make_folders(folder));
  return os::open(folder + "/cgroup.procs", O_WRONLY);
}

}  // namespace mayfly::crun
