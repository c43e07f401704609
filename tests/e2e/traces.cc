#include <algorithm>
#include <cctype>
#include <sstream>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "e2e/server.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {

namespace {

constexpr const char* container_folders[] = {"/run", "/crun", "/layers", "/trash"};

std::vector<std::string> names_in(const std::string& folder) {
  return os::list_folder(folder).value_or(std::vector<std::string>());
}

/// Names in a folder of the file system mounted at `path`, whatever is mounted over the folder: on a hybrid host groups
/// can be made in the tmpfs by mistake, where nobody sees them.
std::vector<std::string> names_beneath(const std::string& path, const std::string& name) {
  const os::Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), 1u | O_CLOEXEC)));
  return os::list_folder_at(tree.get(), name).value_or(std::vector<std::string>());
}

bool number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c); });
}

}  // namespace

std::vector<std::string> Server::drafts_of_crun() {
  auto names = names_in("/tmp");
  std::erase_if(names, [](const std::string& name) { return !name.starts_with("crun."); });
  return names;
}

std::vector<std::string> Server::traces_of(const std::string& mark) const {
  std::vector<std::string> found;
  const auto ours = [&](const std::string& text) { return text.find(mark) != std::string::npos; };
  std::istringstream mounts(os::read_file("/proc/self/mountinfo").value_or(""));
  for (std::string line; std::getline(mounts, line);)
    if (ours(line)) found.push_back("mount " + line);
  for (const auto& hierarchy : names_in("/sys/fs/cgroup")) {
    if (ours(hierarchy)) found.push_back("cgroup " + hierarchy);
    for (const auto& name : names_in("/sys/fs/cgroup/" + hierarchy))
      if (ours(name)) found.push_back("cgroup " + hierarchy + "/" + name);
  }
  for (const auto& link : names_in("/sys/class/net"))
    if (ours(os::read_file("/sys/class/net/" + link + "/ifalias", 4096).value_or(""))) found.push_back("link " + link);
  for (const auto& name : names_beneath("/sys/fs/cgroup", "unified"))
    if (ours(name)) found.push_back("folder beneath unified: " + name);
  for (const auto& process : names_in("/proc")) {
    if (!number(process)) continue;
    const auto groups = os::read_file("/proc/" + process + "/cgroup");
    const auto seen = os::read_file("/proc/" + process + "/mountinfo");
    if ((groups && ours(*groups)) || (seen && ours(*seen)))
      found.push_back("process " + process + " " + os::read_file("/proc/" + process + "/comm").value_or("?"));
  }
  for (const auto* kind : container_folders)
    for (const auto& name : names_in(data_ + kind))
      if (ours(name)) found.push_back("folder " + data_ + kind + "/" + name);
  return found;
}

std::vector<std::string> Server::traces() const {
  auto found = traces_of(instance());
  for (const auto& trace : traces_of(data_ + "/")) found.push_back(trace);
  for (const auto* kind : container_folders)
    for (const auto& name : names_in(data_ + kind)) found.push_back("folder " + data_ + kind + "/" + name);
  os::RunOptions tables;
  tables.argv = {"nft", "list", "tables"};
  if (const auto listed = os::run(tables); !listed || listed->out.find(instance()) != std::string::npos)
    found.push_back("table of " + instance());
  for (const auto& name : drafts_of_crun())
    if (std::find(drafts_before_.begin(), drafts_before_.end(), name) == drafts_before_.end())
      found.push_back("file /tmp/" + name);
  return found;
}

}  // namespace mayfly::test
