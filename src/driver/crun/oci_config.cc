#include "driver/crun/oci_config.h"

#include <initializer_list>

#include "driver/crun/layout.h"
#include "json/reader.h"

namespace mayfly::crun {

namespace {

using json::array;
using json::object;
using json::value;

array words(std::initializer_list<const char*> list) {
  array all;
  for (const char* word : list) all.emplace_back(word);
  return all;
}

// Enough for a distribution's package manager as root inside, and nothing that reaches outside the namespaces.
array capabilities() {
  return words({"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETPCAP", "CAP_SETFCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT"});
}

object process(const Bundle& bundle) {
  auto env = bundle.env;
  env.try_emplace("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  env.try_emplace("HOME", "/root");
  array settings;
  for (const auto& [key, text] : env) settings.emplace_back(key + "=" + text);

  const auto limit = [](const char* type, std::uint64_t n) { return object{{"type", type}, {"hard", n}, {"soft", n}}; };
  return {
      {"terminal", false},
      {"user", {{"uid", 0}, {"gid", 0}}},
      {"args", words({"/.mayfly/agent"})},
      {"env", std::move(settings)},
      {"cwd", "/"},
      {"capabilities",
       {{"bounding", capabilities()}, {"effective", capabilities()}, {"permitted", capabilities()}}},
      // A core dump would be written by the host, to wherever its pattern says.
      {"rlimits", array{limit("RLIMIT_NOFILE", bundle.open_files), limit("RLIMIT_CORE", 0)}},
      {"noNewPrivileges", true},
  };
}

object mount(const char* where, const char* type, const char* source, array options) {
  return {{"destination", where}, {"type", type}, {"source", source}, {"options", std::move(options)}};
}

array mounts(const Bundle& bundle) {
  auto shm = words({"nosuid", "noexec", "nodev", "mode=1777"});
  shm.emplace_back("size=" + std::to_string(bundle.shared_memory_bytes));
  array all = {
      mount("/proc", "proc", "proc", words({"nosuid", "noexec", "nodev"})),
      mount("/dev", "tmpfs", "tmpfs", words({"nosuid", "noexec", "strictatime", "mode=755", "size=1048576"})),
      mount("/dev/pts", "devpts", "devpts",
            words({"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"})),
      mount("/dev/shm", "tmpfs", "shm", std::move(shm)),
      mount("/dev/mqueue", "mqueue", "mqueue", words({"nosuid", "noexec", "nodev"})),
      mount("/sys", "sysfs", "sysfs", words({"nosuid", "noexec", "nodev", "ro"})),
      mount("/.mayfly/agent", "bind", bundle.agent.c_str(), words({"bind", "ro", "nosuid", "nodev"})),
  };
  if (!bundle.resolver_file.empty())
    all.push_back(mount("/etc/resolv.conf", "bind", bundle.resolver_file.c_str(),
                        words({"bind", "ro", "nosuid", "nodev", "noexec"})));
  for (const auto& volume : bundle.volumes)
    all.push_back(mount(volume.path.c_str(), "bind", volume.from.c_str(),
                        volume.read_only ? words({"bind", "ro", "nosuid", "nodev"})
                                         : words({"bind", "rw", "nosuid", "nodev"})));
  return all;
}

object resources(const Limits& limits) {
  object all;
  if (limits.memory_bytes) {
    object memory{{"limit", *limits.memory_bytes}};
    if (limits.swap) memory["swap"] = *limits.memory_bytes;  // of both together: none to spare
    all["memory"] = std::move(memory);
  }
  if (limits.cpus) {
    const auto quota = quota_of(*limits.cpus);
    all["cpu"] = {{"quota", quota.us}, {"period", quota.period_us}};
  }
  if (limits.pids) all["pids"] = {{"limit", *limits.pids}};
  if (limits.devices) all["devices"] = array{{{"allow", false}, {"access", "rwm"}}};
  return all;
}

object linux_part(const Bundle& bundle) {
  array namespaces;
  for (const char* type : {"pid", "ipc", "uts", "mount", "network", "cgroup", "user"})
    namespaces.emplace_back(object{{"type", type}});
  const array mapping{{{"containerID", 0}, {"hostID", bundle.ids.base}, {"size", bundle.ids.size}}};
  return {
      {"namespaces", std::move(namespaces)},
      {"uidMappings", mapping},
      {"gidMappings", mapping},
      // One segment: of a longer path crun would leave the parents behind.
      {"cgroupsPath", "/" + container_name(bundle.incarnation)},
      {"resources", resources(bundle.limits)},
      {"maskedPaths", words({"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                             "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                             "/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"})},
      {"readonlyPaths", words({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"})},
  };
}

}  // namespace

std::string config_json(const Bundle& bundle) {
  const object config{
      {"ociVersion", "1.0.2"},
      // Relative, from the bundle: below a folder that only the host's root may enter, an absolute path fails.
      {"root", {{"path", "merged"}, {"readonly", false}}},
      {"hostname", "sandbox"},
      {"process", process(bundle)},
      {"mounts", mounts(bundle)},
      {"linux", linux_part(bundle)},
      {"annotations", {{"run.oci.seccomp_bpf_data", bundle.seccomp}}},
  };
  return boost::json::serialize(config);
}

}  // namespace mayfly::crun
