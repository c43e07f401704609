#pragma once
// The way out of a sandbox: a pair of virtual interfaces between the network namespace that crun made and the host,
// routed, without a bridge. The host's end is named by the slot of the sandbox and carries the triple as its alias; it
// ends with the namespace, and its route with it. One nftables table for all of an instance says what may pass, by the
// names of the interfaces, so that nothing has to be written or removed there for a single sandbox. The table stands
// while a sandbox with a way out does.

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/id.h"
#include "base/result.h"

namespace mayfly::crun {

struct NetworkOptions {
  std::string subnet;                  // "10.98.0.0/18": one address of it for each slot; empty: made of the instance
  std::vector<std::string> allow;      // networks that are reached although they are private: "10.1.0.0/16"
  std::vector<std::string> resolvers;  // addresses of name servers; reached although they are private
  std::string marker;                  // a file that is there while the table is
};

/// One end on the host, and whose it is.
struct Link {
  std::string name;
  Incarnation of;
};

class Network {
 public:
  /// Errors: invalid names the option that is no network or address.
  static Result<Network> make(const std::string& instance, NetworkOptions options);
  Network(Network&& other) noexcept;

  /// Gives the namespace of process `pid` an interface, an address and a way out, or leaves nothing. Twice is once.
  /// Errors: unsupported when the host does not forward packets or has no nftables.
  Status join(const Incarnation& incarnation, std::uint32_t slot, pid_t pid);

  /// Takes the host's end away, and the table with the last of them; absent is success.
  Status leave(const Incarnation& incarnation);

  /// Takes away a table that a life before left without a sandbox.
  Status settle();

  /// The table, where it stands although nothing of this instance has a way out.
  Result<std::optional<std::string>> idle_table();

  Result<bool> has(const Incarnation& incarnation) const;

  /// Every end of this instance.
  Result<std::vector<Link>> links() const;

  /// What belongs into /etc/resolv.conf of a sandbox.
  std::string resolver_file() const;

  std::string address(std::uint32_t slot) const;
  std::string table() const { return "mayfly_" + instance_; }
  std::string rules() const;

 private:
  Network(std::string instance, NetworkOptions options)
      : instance_(std::move(instance)), options_(std::move(options)) {}
  std::string prefix() const;
  std::string name_of(std::uint32_t slot) const;
  Status attach(const Incarnation& incarnation, std::uint32_t slot, pid_t pid) const;
  Status remove_table() const;

  std::string instance_;
  NetworkOptions options_;
  std::uint32_t base_ = 0;             // of the subnet, in host order
  int bits_ = 0;
  std::mutex mutex_;                   // between the last to leave, who takes the table away, and the next to join
};

}  // namespace mayfly::crun
