#include "raw_crun.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "driver/crun/seccomp_profile.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::bench {

namespace json = boost::json;

namespace {

void shell(const std::string& line) {
  os::RunOptions options;
  options.argv = {"/bin/sh", "-ec", line};
  const auto done = os::run(options);
  if (!done || done->exit_code != 0) {
    std::fprintf(stderr, "bench: %s: %s\n", line.c_str(), done ? done->err.c_str() : done.error().message.c_str());
    std::exit(1);
  }
}

/// crun refuses a hybrid cgroup host unless it does not see the unified hierarchy.
int hide_unified() {
  if (::access("/sys/fs/cgroup/unified", F_OK) != 0) return 0;
  if (::unshare(CLONE_NEWNS) != 0) return errno;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return errno;
  if (::mount("none", "/sys/fs/cgroup/unified", "tmpfs", 0, nullptr) != 0) return errno;
  return 0;
}

}  // namespace

RawCrun::RawCrun(const std::string& like, const std::string& image) : like_(os::read_file(like).value()) {
  char name[] = "/tmp/mayfly-raw-XXXXXX";
  folder_ = ::mkdtemp(name);
  ::chmod(folder_.c_str(), 0755);
  const auto config = json::parse(like_).as_object();
  first_id_ = config.at("linux").at("uidMappings").at(0).at("hostID").to_number<unsigned>();
  shell("cp -a " + image + " " + folder_ + "/rootfs && chown -R " + std::to_string(first_id_) + ":" +
        std::to_string(first_id_) + " " + folder_ + "/rootfs");
  bundle("true", "/bin/true");
  bundle("sleep", "/bin/sleep 3600");
}

RawCrun::~RawCrun() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void RawCrun::bundle(const std::string& name, const std::string& command) {
  auto config = json::parse(like_).as_object();
  std::istringstream words(command);
  json::array argv;
  for (std::string word; words >> word;) argv.emplace_back(word);
  config["process"].as_object()["args"] = argv;
  config["root"] = {{"path", folder_ + "/rootfs"}, {"readonly", false}};
  json::array mounts;
  for (const auto& mount : config.at("mounts").as_array())
    if (mount.at("destination") != "/.mayfly/agent") mounts.push_back(mount);
  config["mounts"] = mounts;
  config["linux"].as_object().erase("cgroupsPath");
  // The same filter, as the specification has it and every engine hands it to crun.
  config.erase("annotations");
  config["linux"].as_object()["seccomp"] = json::parse(crun::seccomp_profile);
  const auto path = folder_ + "/" + name;
  std::filesystem::create_directories(path);
  if (!os::write_file(path + "/config.json", json::serialize(config))) std::exit(1);
}

int RawCrun::crun(const std::string& arguments, const std::string& cwd, bool creates) {
  os::RunOptions options;
  options.argv = {"crun", "--root", folder_ + "/state", "--cgroup-manager=cgroupfs"};
  std::istringstream words(arguments);
  for (std::string word; words >> word;) options.argv.push_back(word);
  options.cwd = cwd;
  if (creates) options.in_child = hide_unified;
  const auto done = os::run(options);
  if (done && done->exit_code == 0) return 0;
  std::fprintf(stderr, "bench: crun %s: %s\n", arguments.c_str(),
               done ? done->err.c_str() : done.error().message.c_str());
  std::exit(1);
}

void RawCrun::run_true() {
  crun("run raw-" + std::to_string(::getpid()) + "-" + std::to_string(runs_++), folder_ + "/true", true);
}

// Detached, its output goes nowhere: a pipe kept open by the container would never end.
void RawCrun::start(const std::string& id) {
  crun("run -d --pid-file " + folder_ + "/pid raw-" + std::to_string(::getpid()) + "-" + id, folder_ + "/sleep", true);
}
void RawCrun::exec_true(const std::string& id) {
  crun("exec raw-" + std::to_string(::getpid()) + "-" + id + " /bin/true", folder_, false);
}
void RawCrun::remove(const std::string& id) {
  crun("delete -f raw-" + std::to_string(::getpid()) + "-" + id, folder_, false);
}

}  // namespace mayfly::bench
