#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/dispatch.h"
#include "core/identity.h"
#include "core/runtime.h"

namespace mayfly {

struct Config {
  std::string data;
  std::string address = "127.0.0.1";
  std::uint16_t port = 7070;
  bool list_failpoints = false;
  bool trust_clock = false;                           // however far it stands from the last sign of life
  bool help = false;

  // From the file.
  std::map<std::string, std::string> image_aliases;  // [images]: name = known name or digest
  std::string debian_mirror;                          // [images] for builds; empty: what the host's apt uses
  std::string debian_keyring;                         // [images] empty: that of the package debian-archive-keyring
  int wal_autocheckpoint = 1000;                      // [store] pages
  int fast_workers = 6;                               // [workers]
  int slow_workers = 2;
  dispatch::Rules dispatch;                           // [cleanup]
  int keep_completed_days = 30;                       // [cleanup] trees that have completed
  int reconcile_seconds = 30;                         // [reconcile] every
  std::int64_t disk_watermark_mb = 256;               // [disk] creates are refused below so much free space
  std::map<std::string, int> pool;                    // [pool]: image = how many stand ready, started
  RateLimit rate_limit;                               // [limits] of each key that has none of its own; off
  std::string agent;                                  // [crun] path of mayfly-agent; empty: beside this program
  std::string crun = "/usr/bin/crun";
  std::string subnet;                                 // [network] addresses of sandboxes; empty: chosen
  std::vector<std::string> allowed_networks;          // private networks that sandboxes may reach all the same
  std::vector<std::string> resolvers;                 // name servers for sandboxes
  std::string public_url;                             // what links are made of; empty: they are paths
  std::string certificate, key;                       // [tls] PEM files; empty: plain HTTP
  std::string data_address;                           // [data] a listener of their own for ports; empty: none
  std::uint16_t data_port = 0;
  std::string data_url;                               // as clients reach it; empty: by its address
  RuntimeLimits runtime_limits;                       // [runtimes] max_limit_seconds, default_limit_seconds
  std::vector<int> warn_seconds = {300, 60};          // an event so long before the end of a runtime's sandbox
  int call_seconds = 25;                              // a call waits so long for what it has begun
  int token_seconds = 3600;                           // a sandbox token is good for so long
  std::string runtime_image = "busybox";
  std::map<std::string, std::string> minimum_clients; // [clients] name = least version
  int port_idle_seconds = 600;                        // [ports] a connection without a byte either way
};

/// The command line of `serve`, and the TOML file it names. The error is a sentence that says what to write instead.
Result<Config> read_config(int argc, char** argv);

}  // namespace mayfly
