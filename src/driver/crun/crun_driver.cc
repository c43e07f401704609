#include "driver/crun/crun_driver.h"

#include <algorithm>
#include <cctype>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/launch.h"
#include "driver/crun/processes.h"
#include "driver/crun/seccomp_filter.h"
#include "driver/crun/volume_mounts.h"

namespace mayfly {

using namespace crun;

CrunDriver::CrunDriver(CrunOptions options, Network network)
    : options_(std::move(options)),
      layout_{options_.data, options_.instance},
      cgroups_(options_.cgroup_root),
      ranges_(options_.id_base, options_.id_count),
      network_(std::move(network)) {}

CrunDriver::~CrunDriver() {
  // Stays when a helper is at work; the next driver finds it there. A helper just ended is counted a little longer.
  const auto helpers = cgroups_.members(layout_.helpers());
  if (helpers && helpers->empty()) (void)cgroups_.remove(layout_.helpers(), Milliseconds(200));
}

Result<std::unique_ptr<CrunDriver>> CrunDriver::open(CrunOptions options) {
  const auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)); };
  if (options.instance.empty() || !std::all_of(options.instance.begin(), options.instance.end(), plain))
    return fail(Code::invalid, "instance '" + options.instance + "': letters and digits only");
  // crun runs from the bundle, where a relative path would lead elsewhere.
  for (const auto& path : {options.data, options.agent, options.crun})
    if (!path.starts_with('/')) return fail(Code::invalid, "path '" + path + "' for the driver: must be absolute");
  options.network.marker = options.data + "/network-in-use";
  auto network = TRY(Network::make(options.instance, options.network));
  std::unique_ptr<CrunDriver> driver(new CrunDriver(std::move(options), std::move(network)));
  const auto& layout = driver->layout_;
  TRY(os::make_folders(layout.data, 0700));
  for (const auto& folder : {layout.images(), layout.layers(), layout.runs(), layout.states(), layout.trash()})
    TRY(os::make_folders(folder, 0711));
  driver->runs_ = TRY(os::open(layout.runs(), O_RDONLY | O_DIRECTORY));
  driver->program_ = TRY(program_in_memory(driver->options_.crun));
  driver->seccomp_ = TRY(seccomp_filter());
  TRY(driver->network_.settle());
  TRY(driver->learn_ranges());
  return driver;
}

Status CrunDriver::learn_ranges() {
  for (const auto& name : TRY(os::list_folder(layout_.runs()))) {
    const auto text = os::read_file(layout_.runs() + "/" + name + "/slot", 64);
    if (!text) continue;
    if (const auto slot = parse_number(*text)) ranges_.remember(static_cast<std::uint32_t>(*slot));
  }
  return {};
}

Status CrunDriver::own(const std::string& instance) const {
  if (instance == options_.instance) return {};
  return fail(Code::invalid, "instance " + instance + " is not this one (" + options_.instance + ")");
}

std::string CrunDriver::agent_socket(const Incarnation& incarnation) const {
  auto path = layout_.run(incarnation) + "/agent.sock";
  constexpr std::size_t room = 108;  // of sun_path, its end included
  if (path.size() < room) return path;
  return "/proc/self/fd/" + std::to_string(runs_.get()) + "/" + run_name(incarnation) + "/agent.sock";
}

void CrunDriver::expect_start() {
  if (warming_.exchange(true)) return;
  cgroups_.warm_up();
  warming_ = false;
}

Status CrunDriver::kill(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  FAILPOINT("crun.kill.before");
  // The makers first: crun goes on in processes of its own when its first one is killed.
  TRY(cgroups_.kill(layout_.helpers_of(incarnation), options_.kill_patience));
  TRY(cgroups_.kill(container_name(incarnation), options_.kill_patience));
  reap(incarnation);
  FAILPOINT("crun.kill.after");
  return {};
}

/// The one that crun made, alive or a zombie; its start time tells it from a later user of its pid.
std::optional<pid_t> CrunDriver::first_process(const Incarnation& incarnation) const {
  const auto text = os::read_file(layout_.run(incarnation) + "/init", 64);
  const auto space = text ? text->find(' ') : std::string::npos;
  if (space == std::string::npos) return std::nullopt;
  const auto pid = parse_number(std::string_view(*text).substr(0, space));
  const auto facts = pid ? facts_of(*pid) : std::nullopt;
  if (!facts || std::to_string(facts->start_time) != text->substr(space + 1)) return std::nullopt;
  return *pid;
}

/// A first process that ended by itself while this process is its (sub)reaper stays a zombie until somebody asks.
void CrunDriver::reap(const Incarnation& incarnation) const {
  if (const auto pid = first_process(incarnation)) ::waitpid(*pid, nullptr, WNOHANG | __WALL);
}

Result<Caveats> CrunDriver::limit(const Incarnation& incarnation, const Resources& resources) {
  TRY(own(incarnation.instance));
  const auto limits = cgroups_.enforceable(resources);
  TRY(cgroups_.limit(container_name(incarnation), limits));
  return caveats(resources, limits);
}

Status CrunDriver::freeze(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  return cgroups_.freeze(container_name(incarnation), options_.freeze_patience);
}

Status CrunDriver::thaw(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  return cgroups_.thaw(container_name(incarnation), options_.freeze_patience);
}

Status CrunDriver::release(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  const auto name = container_name(incarnation);
  reap(incarnation);
  FAILPOINT("crun.release.before_cgroups");
  // An unmount under a living container succeeds and proves nothing. A group with a process in it stays.
  TRY(cgroups_.remove(layout_.helpers_of(incarnation), options_.kill_patience));
  TRY(cgroups_.remove(name, options_.kill_patience));
  FAILPOINT("crun.release.after_cgroups");
  const auto run = layout_.run(incarnation);
  // A link without the file is of a run folder that somebody has removed.
  if (::access((run + "/resolv.conf").c_str(), F_OK) == 0 || TRY(network_.has(incarnation)))
    TRY(network_.leave(incarnation));
  FAILPOINT("crun.release.after_network");
  TRY(detach_volumes(run));
  FAILPOINT("crun.release.after_volumes");
  auto file_systems = TRY(unmount_overlay(run));
  FAILPOINT("crun.release.after_unmount");
  TRY(os::remove_tree(layout_.state(incarnation)));
  FAILPOINT("crun.release.after_state");
  const auto slot = os::read_file(run + "/slot", 64);
  TRY(os::remove_tree_at(runs_.get(), run_name(incarnation)));
  file_systems.clear();
  if (const auto number = slot ? parse_number(*slot) : std::nullopt)
    ranges_.give_back(static_cast<std::uint32_t>(*number));
  FAILPOINT("crun.release.after_run_folder");
  return {};
}

Result<std::int64_t> CrunDriver::cpu_time(const Incarnation& incarnation) {
  TRY(own(incarnation.instance));
  return cgroups_.cpu_us(container_name(incarnation));
}

Result<Usage> CrunDriver::usage(const Incarnation& incarnation, int layer) {
  TRY(own(incarnation.instance));
  const auto name = container_name(incarnation);
  Usage usage;
  usage.memory_bytes = cgroups_.memory_bytes(name);
  usage.cpu_us = cgroups_.cpu_us(name);
  const auto folder = os::open(layout_.layer({incarnation.instance, incarnation.uid, layer}) + "/upper",
                               O_RDONLY | O_DIRECTORY);
  if (folder) usage.disk_bytes = TRY(os::disk_usage(folder->get()));
  else if (folder.error().code != Code::not_found) return tl::unexpected(folder.error());
  return usage;
}

Status CrunDriver::settle_helpers(std::chrono::milliseconds patience) {
  const auto name = layout_.helpers();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const auto helpers = TRY(cgroups_.members(name));
    if (helpers.empty()) return {};
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= Milliseconds::zero()) return cgroups_.kill(name, options_.kill_patience);
    const os::Fd handle = pidfd_of(helpers.front());
    pollfd wait{handle.get(), POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(left.count()));
  }
}

}  // namespace mayfly
