#pragma once
// What a sandbox is asked to be. Plain values, fixed when it is created.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mayfly {

struct Resources {
  double cpus = 1;                    // cores; 0.01 .. 256
  std::int64_t memory_mb = 512;       // MiB
  std::int64_t pids = 256;
  std::int64_t disk_mb = 2048;        // MiB of the writable layer
  bool operator==(const Resources&) const = default;
};

struct SandboxSpec {
  std::string image;                          // as the caller wrote it
  std::string image_digest;                   // what that name meant when the sandbox was created: "sha256:..."
  Resources resources;
  std::map<std::string, std::string> env;     // for every process started inside
  std::string workdir = "/";                  // where processes start unless they say otherwise
  std::vector<std::string> exclude;           // never archived: absolute paths inside
  std::string restore_from;                   // arc_...: the layer begins as this archive
  bool operator==(const SandboxSpec&) const = default;
};

}  // namespace mayfly
