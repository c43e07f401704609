#include "e2e/planting.h"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/hash.h"
#include "os/process.h"

namespace mayfly::test {

namespace fs = std::filesystem;

namespace {

constexpr const char* cgroups = "/sys/fs/cgroup";

/// Folders of that name in every hierarchy that has one, beneath no more than one level.
std::vector<std::string> groups_named(const std::string& name) {
  std::vector<std::string> found;
  if (fs::is_directory(std::string(cgroups) + "/" + name)) found.push_back(std::string(cgroups) + "/" + name);
  for (const auto& hierarchy : os::list_folder(cgroups).value_or(std::vector<std::string>())) {
    const auto path = std::string(cgroups) + "/" + hierarchy + "/" + name;
    if (!fs::is_symlink(std::string(cgroups) + "/" + hierarchy) && fs::is_directory(path)) found.push_back(path);
  }
  return found;
}

void write_to(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  EXPECT_TRUE(file.good()) << path;
}

}  // namespace

std::string stray_uid(int number) {
  const auto digits = std::to_string(number);
  return std::string("019aa5c2f1d07c3e8b0a5d3f61c2") + std::string(4 - digits.size(), '0') + digits;
}

Planting::Planting(Server& server, const std::string& sandbox) : server_(server) {
  const auto uid = sandbox.substr(4);
  for (const auto& name : os::list_folder(server.data() + "/crun").value_or(std::vector<std::string>())) {
    if (name.find(uid) == std::string::npos) continue;
    own_name_ = name;
    instance_ = name.substr(7, name.find('-', 7) - 7);
  }
  EXPECT_FALSE(instance_.empty()) << "no container of " << sandbox;
  groups_ = groups_named(own_name_);
  EXPECT_FALSE(groups_.empty()) << own_name_;
}

Planting::~Planting() {
  for (const auto pid : processes_) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

std::string Planting::name_of(const std::string& uid, int generation) const {
  return "mayfly-" + instance_ + "-" + uid + "-" + std::to_string(generation);
}

std::string Planting::empty_group(const std::string& uid) {
  std::string first;
  for (const auto& group : groups_) {
    const auto path = fs::path(group).parent_path() / name_of(uid);
    EXPECT_EQ(::mkdir(path.c_str(), 0755), 0) << path;
    if (first.empty()) first = path.string();
  }
  return first;
}

std::string Planting::group_with_process(const std::string& uid) {
  const auto first = empty_group(uid);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) ::pause();
  }
  processes_.push_back(pid);
  for (const auto& group : groups_)
    if (group.find("/cpuset/") == std::string::npos)   // that one takes nobody before it has processors
      write_to((fs::path(group).parent_path() / name_of(uid) / "cgroup.procs").string(), std::to_string(pid));
  return first;
}

std::string Planting::mount(const std::string& uid) {
  const auto point = run_folder(uid, 1) + "/merged";
  EXPECT_TRUE(fs::create_directories(point));
  EXPECT_EQ(::mount("stray", point.c_str(), "tmpfs", 0, "size=64k"), 0);
  return point;
}

std::string Planting::link(const std::string& uid) {
  const auto name = "mf" + os::sha256_hex(instance_).substr(0, 7) + "-9" + std::to_string(links_++);
  os::RunOptions run;
  run.argv = {"ip", "-batch", "-"};
  run.input = "link add " + name + " type veth peer name p" + name.substr(1) + "\nlink set " + name + " alias " +
              instance_ + "/" + uid + "/1\n";
  const auto done = os::run(run);
  EXPECT_TRUE(done && done->exit_code == 0) << (done ? done->err : done.error().message);
  return name;
}

std::string Planting::layer(const std::string& uid, const std::string& text) {
  const auto path = server_.data() + "/layers/" + uid + "/1";
  fs::create_directories(path + "/upper");
  fs::create_directories(path + "/work");
  write_to(path + "/upper/file", text);
  return path;
}

std::string Planting::trash(const std::string& uid) {
  const auto path = server_.data() + "/trash/" + uid + "-1";
  fs::create_directories(path + "/upper");
  write_to(path + "/upper/file", "trash");
  return path;
}

std::string Planting::run_folder(const std::string& uid, int generation) {
  const auto path = server_.data() + "/run/" + uid + "-" + std::to_string(generation);
  fs::create_directories(path);
  return path;
}

void Planting::kill_all_of(const std::string& uid) const {
  const auto prefix = "mayfly-" + instance_ + "-" + uid + "-";
  std::vector<std::string> names;   // of whatever generation
  for (const auto& name : os::list_folder(server_.data() + "/crun").value_or(std::vector<std::string>()))
    if (name.starts_with(prefix)) names.push_back(name);
  EXPECT_FALSE(names.empty()) << "no container of " << uid;
  for (const auto& name : names)
    for (const auto& group : groups_named(name)) {
      std::ifstream members(group + "/cgroup.procs");
      for (pid_t pid = 0; members >> pid;) ::kill(pid, SIGKILL);
    }
}

}  // namespace mayfly::test
