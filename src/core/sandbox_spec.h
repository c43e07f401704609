#pragma once
// What a sandbox is asked to be. Plain values, fixed when it is created.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mayfly {

struct Resources {
  double cpus = 1;                    // cores; 0.01 .. 256
  std::int64_t memory_mb = 512;       // MiB
  std::int64_t pids = 256;
  std::int64_t disk_mb = 2048;        // MiB of the writable layer
  bool operator==(const Resources&) const = default;
};

/// What a sandbox reaches beyond itself. outbound: everything but the host, other sandboxes and private networks.
enum class NetworkAccess { none, outbound };
std::string_view name(NetworkAccess access);
std::optional<NetworkAccess> parse_network_access(std::string_view name);

/// What every process can be given: execve takes NAME=value and ends both at a NUL.
bool is_variable_name(std::string_view name);
bool is_variable_value(std::string_view value);

struct SandboxSpec {
  std::string image;                          // as the caller wrote it
  std::string image_digest;                   // what that name meant when the sandbox was created: "sha256:..."
  Resources resources;
  std::map<std::string, std::string> env;     // for every process started inside
  NetworkAccess network = NetworkAccess::none;
  std::int64_t standby_seconds = 0;           // asleep after so long without calls and processes; 0: never
  std::string workdir = "/";                  // where processes start unless they say otherwise
  std::vector<std::string> exclude;           // never archived: absolute paths inside
  std::string restore_from;                   // arc_...: the layer begins as this archive
  bool operator==(const SandboxSpec&) const = default;
};

}  // namespace mayfly
