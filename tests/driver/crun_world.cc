#include "driver/crun_world.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "driver/crun/mounts.h"
#include "driver/crun/processes.h"

namespace mayfly::test {

namespace {

/// Names in a folder of the file system mounted at `path`, whatever is mounted over the folder.
std::vector<std::string> names_beneath(const std::string& path, const std::string& name) {
  const os::Fd tree(static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, path.c_str(), 1u | O_CLOEXEC)));
  const auto names = os::list_folder_at(tree.get(), name);
  return names ? *names : std::vector<std::string>();
}

}  // namespace

TemporaryFolder::TemporaryFolder() : path_("/tmp/mayfly-test-XXXXXX") {
  if (!::mkdtemp(path_.data())) std::abort();
}

TemporaryFolder::~TemporaryFolder() {
  const auto removed = os::remove_tree(path_);
  EXPECT_TRUE(removed) << removed.error().message;
}

std::string fresh_instance() { return "t" + hex(fresh_uid()).substr(20); }

Uuid fresh_uid() {
  Uuid uid;
  EXPECT_EQ(::getrandom(uid.bytes.data(), uid.bytes.size(), 0), static_cast<ssize_t>(uid.bytes.size()));
  return uid;
}

std::vector<std::string> traces_of(const std::string& instance, const std::string& folder) {
  std::vector<std::string> traces;
  const auto ours = [&](const std::string& text) { return text.find(instance) != std::string::npos; };
  const auto mounts = crun::read_mounts();
  EXPECT_TRUE(mounts);
  for (const auto& mount : *mounts)
    if (ours(mount.source) || crun::is_below(mount.point, folder)) traces.push_back("mount " + mount.point);
  const crun::Cgroups cgroups;
  for (const auto& hierarchy : cgroups.hierarchies())
    for (const auto& name : os::list_folder(hierarchy).value_or(std::vector<std::string>()))
      if (ours(name)) traces.push_back("cgroup " + hierarchy + "/" + name);
  for (const auto& name : names_beneath("/sys/fs/cgroup", "unified"))
    if (ours(name)) traces.push_back("folder beneath unified: " + name);
  for (const auto& name : os::list_folder("/proc").value_or(std::vector<std::string>())) {
    if (!crun::parse_number(name)) continue;
    const auto groups = os::read_file("/proc/" + name + "/cgroup");
    if (groups && ours(*groups)) traces.push_back(crun::describe_process(std::stoi(name)));
  }
  return traces;
}

void CrunWorld::SetUp() {
  auto images = ImageFolder::open({.data = layout_.data});
  ASSERT_TRUE(images) << images.error().message;
  images_ = std::move(*images);
  auto image = images_->builtin_busybox();
  ASSERT_TRUE(image) << image.error().message;
  image_ = *image;
  restart();
}

void CrunWorld::TearDown() {
  if (!driver_) return;
  const auto inventory = driver_->inventory();
  ASSERT_TRUE(inventory) << inventory.error().message;
  for (const auto& found : *inventory) {
    const Incarnation incarnation{instance_, found.uid, found.generation};
    EXPECT_TRUE(driver_->kill(incarnation));
    const auto released = driver_->release(incarnation);
    EXPECT_TRUE(released) << released.error().message;
  }
  driver_.reset();
  EXPECT_EQ(traces_of(instance_, folder_.path()), std::vector<std::string>());
}

CrunOptions CrunWorld::options() {
  CrunOptions options;
  options.data = layout_.data;
  options.instance = instance_;
  options.agent = std::string(MAYFLY_BIN) + "/mayfly-agent";
  options.probe = [this](const Incarnation& to) -> Status {
    TRY(agent_.status(to));
    return {};
  };
  return options;
}

void CrunWorld::restart() { drive(options()); }

void CrunWorld::drive(CrunOptions options) {
  driver_.reset();
  auto driver = CrunDriver::open(std::move(options));
  ASSERT_TRUE(driver) << driver.error().message;
  driver_ = std::move(*driver);
}

LaunchSpec CrunWorld::launch(int generation) { return launch_of(uid_, generation); }

LaunchSpec CrunWorld::launch_of(const Uuid& uid, int generation) {
  LaunchSpec launch;
  launch.incarnation = {instance_, uid, generation};
  launch.spec.image_digest = image_.digest;
  launch.spec.resources = {.cpus = 0.5, .memory_mb = 256, .pids = 64, .disk_mb = 100};
  return launch;
}

LaunchSpec CrunWorld::started(int generation) {
  auto spec = launch(generation);
  const auto answer = driver_->start(spec);
  EXPECT_TRUE(answer) << answer.error().message;
  // crun's last process may take a moment longer than the agent's answer.
  EXPECT_TRUE(driver_->settle_helpers());
  return spec;
}

void CrunWorld::destroy(const LaunchSpec& launch) {
  EXPECT_TRUE(driver_->kill(launch.incarnation));
  const auto released = driver_->release(launch.incarnation);
  EXPECT_TRUE(released) << released.error().message;
  const auto discarded = driver_->discard(layer_of(launch), waiver(launch));
  EXPECT_TRUE(discarded) << discarded.error().message;
  EXPECT_TRUE(driver_->erase(layer_of(launch)));
}

LayerRef CrunWorld::layer_of(const LaunchSpec& launch) const {
  return {instance_, launch.incarnation.uid, launch.layer};
}

DeletePermit CrunWorld::waiver(const LaunchSpec& launch) const {
  return DeletePermit::from_waiver(layer_of(launch), launch.incarnation.generation, EventId{"evt_1"});
}

os::RunOutcome CrunWorld::inside(const LaunchSpec& launch, const std::string& line) {
  os::RunOptions run;
  run.argv = {"crun", "--root", layout_.states(), "exec", crun::container_name(launch.incarnation), "/bin/sh", "-c",
              line};
  auto outcome = os::run(run);
  EXPECT_TRUE(outcome) << outcome.error().message;
  return outcome ? *outcome : os::RunOutcome{};
}

std::string CrunWorld::upper(const LaunchSpec& launch) const { return layout_.layer(layer_of(launch)) + "/upper"; }

int CrunWorld::first_process(const LaunchSpec& launch) const {
  std::ifstream file(layout_.run(launch.incarnation) + "/pid");
  int pid = 0;
  file >> pid;
  return pid;
}

}  // namespace mayfly::test
