#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "driver/crun/crun_driver.h"
#include "driver/crun/images.h"
#include "driver/crun/launch.h"
#include "driver/crun/oci_config.h"
#include "driver/crun/mounts.h"
#include "driver/crun/processes.h"
#include "driver/crun/volume_mounts.h"

namespace mayfly {

using namespace crun;

namespace {

// What a program may expect to open; the host's own limit wins where it is lower.
constexpr std::uint64_t wanted_open_files = 20'000;

std::uint64_t open_files() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::uint64_t>(limit.rlim_max, wanted_open_files);
}

Status make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return tl::unexpected(errno_error(errno, "make folder " + path));
  return {};
}

/// A small file that only has to be whole while this boot lasts: no sync, which would cost more than all else.
Status put_file(const std::string& path, std::string_view text) {
  const auto fd = TRY(os::open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return os::write_all(fd.get(), text);
}

std::vector<VolumePlan> volume_plans(const LaunchSpec& launch, const Layout& layout) {
  std::vector<VolumePlan> plans;
  for (const auto& mounted : launch.volumes)
    plans.push_back({layout.layer(mounted.volume) + "/upper", mounted.path, mounted.read_only});
  return plans;
}

/// What crun said about its failure, and whether another try may end otherwise.
Error crun_error(int exit_code, const std::string& log) {
  auto words = os::read_file(log, 1 << 16).value_or("");
  while (!words.empty() && words.back() == '\n') words.pop_back();
  auto code = Code::internal;
  if (words.find("No space left") != std::string::npos) code = Code::no_space;
  for (const char* passing : {"temporarily unavailable", "Cannot allocate memory", "Too many open files", "busy"})
    if (words.find(passing) != std::string::npos) code = Code::unavailable;
  return {code, "run the container: crun ended with " + std::to_string(exit_code) + ": " + words, {}, {}};
}

}  // namespace

Result<Started> CrunDriver::start(const LaunchSpec& launch) {
  const auto& incarnation = launch.incarnation;
  TRY(own(incarnation.instance));
  auto limits = cgroups_.enforceable(launch.spec.resources);
  if (TRY(adopt(incarnation))) return Started{caveats(launch.spec.resources, limits), true};

  // Whatever is there of this generation was left by a start that died; nothing of it is worth keeping.
  if (::access(layout_.run(incarnation).c_str(), F_OK) == 0 ||
      !cgroups_.folders_of(container_name(incarnation)).empty()) {
    TRY(kill(incarnation));
    TRY(release(incarnation));
  }
  TRY(refuse_two_generations(incarnation));
  const auto image = read_image(layout_.image(launch.spec.image_digest));
  if (!image)
    return fail(Code::invalid, "start " + to_string(incarnation) + ": image '" + launch.spec.image_digest +
                                   "' is not on this host (" + image.error().message + ")", "image_missing");
  const auto made = [&]() -> Status {
    const auto slot = TRY(make_run_folder(incarnation));
    const auto ids = ranges_.range(slot);
    FAILPOINT("crun.start.after_run_folder");
    TRY(make_layer(launch));
    FAILPOINT("crun.start.before_mount");
    const LayerRef layer{incarnation.instance, incarnation.uid, launch.layer};
    TRY(mount_overlay({layout_.image(launch.spec.image_digest) + "/rootfs", layout_.layer(layer),
                       layout_.run(incarnation), mount_tag(incarnation), ids},
                      options_.layers_by));
    FAILPOINT("crun.start.after_mount");
    TRY(attach_volumes(volume_plans(launch, layout_), layout_.run(incarnation), ids));
    TRY(make_bundle(launch, *image, ids, limits));
    FAILPOINT("crun.start.before_crun");
    TRY(run_container(incarnation));
    FAILPOINT("crun.start.after_crun");
    if (launch.spec.network == NetworkAccess::outbound) TRY(join_network(incarnation, slot));
    FAILPOINT("crun.start.after_network");
    return await_agent(incarnation);
  }();
  if (!made) {
    // The layer stays: what a failed start leaves of it is a matter of permits.
    if (auto killed = kill(incarnation)) (void)release(incarnation);
    return tl::unexpected(in_context("start " + to_string(incarnation), made.error()));
  }
  FAILPOINT("crun.start.after_answer");
  return Started{caveats(launch.spec.resources, limits), false};
}

Result<bool> CrunDriver::adopt(const Incarnation& incarnation) {
  const auto name = container_name(incarnation);
  // Without it crun was not done: what runs there is half made, and nobody was told of it.
  const auto first = first_process(incarnation);
  if (!first || !in_cgroup(*first, name) || TRY(cgroups_.members(name)).empty()) return false;
  if (cgroups_.frozen(name)) TRY(thaw(incarnation));
  return probe(incarnation).has_value();
}

Status CrunDriver::probe(const Incarnation& incarnation) const {
  return options_.probe ? options_.probe(incarnation) : connect_unix(agent_socket(incarnation));
}

/// Two overlays on one upper layer corrupt it. The run folder outlives everything else of a generation, so it tells.
Status CrunDriver::refuse_two_generations(const Incarnation& incarnation) const {
  const auto prefix = hex(incarnation.uid) + "-";
  for (const auto& name : TRY(os::list_folder(layout_.runs())))
    if (name.starts_with(prefix))
      return fail(Code::busy, "start " + to_string(incarnation) + ": " + name + " was not released yet");
  return {};
}

Result<std::uint32_t> CrunDriver::make_run_folder(const Incarnation& incarnation) {
  const auto slot = TRY(ranges_.take());
  const auto run = layout_.run(incarnation);
  const auto noted = [&]() -> Status {
    TRY(make_folder(run, 0711));
    return put_file(run + "/slot", std::to_string(slot));
  }();
  // Once it is noted, only release gives it back: twice given back it would be two sandboxes' own.
  if (!noted) {
    ::unlink((run + "/slot").c_str());
    ranges_.give_back(slot);
    return tl::unexpected(noted.error());
  }
  TRY(make_folder(run + "/merged", 0755));
  return slot;
}

Status CrunDriver::make_layer(const LaunchSpec& launch) const {
  const auto& incarnation = launch.incarnation;
  const auto folder = layout_.layer({incarnation.instance, incarnation.uid, launch.layer});
  TRY(make_folder(layout_.layers_of(incarnation.uid), 0711));
  TRY(make_folder(folder, 0711));
  // A permit of an earlier generation is worth nothing from here on.
  TRY(put_file(folder + "/generation", std::to_string(incarnation.generation)));
  TRY(make_folder(folder + "/upper", 0755));
  return make_folder(folder + "/work", 0755);
}

Status CrunDriver::make_bundle(const LaunchSpec& launch, const Image& image, const IdRange& ids,
                               const Limits& limits) const {
  Bundle bundle;
  bundle.incarnation = launch.incarnation;
  bundle.ids = ids;
  bundle.limits = limits;
  bundle.env = launch.spec.env;
  bundle.env.insert(image.env.begin(), image.env.end());  // the sandbox's own words win
  bundle.agent = options_.agent;
  bundle.seccomp = seccomp_;
  if (launch.spec.network == NetworkAccess::outbound) {
    // Its presence says, from before the container runs, that a way out is to be taken away again.
    bundle.resolver_file = layout_.run(launch.incarnation) + "/resolv.conf";
    TRY(put_file(bundle.resolver_file, network_.resolver_file()));
    if (::chmod(bundle.resolver_file.c_str(), 0644) != 0)
      return tl::unexpected(errno_error(errno, "set the mode of " + bundle.resolver_file));
  }
  for (std::size_t n = 0; n < launch.volumes.size(); ++n)
    bundle.volumes.push_back({volume_point(layout_.run(launch.incarnation), n), launch.volumes[n].path,
                              launch.volumes[n].read_only});
  bundle.shared_memory_bytes = (launch.spec.resources.memory_mb << 20) / 2;
  bundle.open_files = open_files();
  return put_file(layout_.run(launch.incarnation) + "/config.json", config_json(bundle));
}

Status CrunDriver::run_container(const Incarnation& incarnation) {
  const auto run = layout_.run(incarnation);
  const auto listener = TRY(listen_unix(run, "agent.sock"));
  const auto helpers = TRY(cgroups_.open_count_only(layout_.helpers_of(incarnation)));
  const auto log = run + "/crun.log";
  CrunCall call;
  call.argv = {options_.crun, "--root", layout_.states(), "--cgroup-manager=cgroupfs", "--log", "file:" + log, "run",
               "-d", "-b", run, "--preserve-fds=1", "--pid-file", run + "/pid", container_name(incarnation)};
  call.program = program_.get();
  call.scratch = run;
  call.listener = listener.get();
  call.lock_fd = options_.lock_fd;
  call.helpers = helpers.get();
  // crun refuses a host that has both versions, so it is shown version 1 alone.
  if (cgroups_.mode() == Cgroups::Mode::hybrid) call.cover = cgroups_.unified();
  const int exit_code = TRY(run_crun(call));
  if (exit_code > 0) return tl::unexpected(crun_error(exit_code, log));
  // Kept until the release when the last of them is still on its way out.
  (void)cgroups_.remove(layout_.helpers_of(incarnation), Milliseconds::zero());

  const auto pid = parse_number(os::read_file(run + "/pid", 64).value_or(""));
  const auto facts = pid ? facts_of(*pid) : std::nullopt;
  // Already gone: the wait for the agent will say so.
  if (!facts) return {};
  return put_file(run + "/init", std::to_string(*pid) + " " + std::to_string(facts->start_time));
}

/// Before anything runs inside: PID 1 is the agent, which waits for orders.
Status CrunDriver::join_network(const Incarnation& incarnation, std::uint32_t slot) {
  const auto first = first_process(incarnation);
  if (!first || !in_cgroup(*first, container_name(incarnation)))
    return fail(Code::internal, "connect " + to_string(incarnation) + ": its first process is gone already");
  return network_.join(incarnation, slot, *first);
}

Status CrunDriver::await_agent(const Incarnation& incarnation) const {
  const auto deadline = std::chrono::steady_clock::now() + options_.start_patience;
  const auto name = container_name(incarnation);
  for (;;) {
    const auto answer = probe(incarnation);
    if (answer) return {};
    const auto alive = TRY(cgroups_.members(name));
    if (alive.empty())
      return fail(Code::internal, "the agent ended before it answered (" + answer.error().message + ")");
    if (std::chrono::steady_clock::now() > deadline)
      return fail(Code::unavailable, "the agent does not answer: " + answer.error().message);
    // Its end is an event; that it is ready is found by asking again.
    const os::Fd handle = pidfd_of(alive.front());
    pollfd wait{handle.get(), POLLIN, 0};
    ::poll(&wait, 1, 2);
  }
}

Caveats CrunDriver::caveats(const Resources& resources, const Limits& limits) const {
  auto all = limits.caveats;
  all.push_back("disk limit of " + std::to_string(resources.disk_mb) + " MiB: watched, not hard (" +
                file_system_of(layout_.layers()) + ")");
  return all;
}

}  // namespace mayfly
